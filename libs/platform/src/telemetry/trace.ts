import { randomFillSync } from 'node:crypto';
import type { Trace } from '../contract/context';

export type { Trace } from '../contract/context';

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/** A trace that begins here. */
export function newTrace(sampled = false): Trace {
  return { traceId: randomId(16), spanId: randomId(8), sampled };
}

/** The same trace, one step further in. */
export function childOf({ traceId, sampled }: Trace): Trace {
  return { traceId, spanId: randomId(8), sampled };
}

/**
 * The trace that a `traceparent` header carries, continued by a span of our own; a new one if there is no header or a wrong one.
 * W3C Trace Context, level 1: a later version may carry more behind the parts we know.
 */
export function parseTraceparent(header: string | undefined): Trace {
  const [, version, traceId = NO_TRACE, spanId = NO_SPAN, flags = '00', more] = TRACEPARENT.exec(header ?? '') ?? [];
  const isWrong = version === 'ff' || (version === '00' && more !== undefined) || traceId === NO_TRACE || spanId === NO_SPAN;
  return isWrong ? newTrace() : childOf({ traceId, spanId, sampled: (parseInt(flags, 16) & 1) === 1 });
}

export function formatTraceparent({ traceId, spanId, sampled }: Trace): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** Asking the system for random bytes costs more than using them: they are fetched a few hundred ids at a time. */
const pool = Buffer.allocUnsafeSlow(8_192);
let used = pool.length;

function randomId(bytes: 8 | 16): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = pool.toString('hex', used, used + bytes);
  used += bytes;
  return id === NO_TRACE || id === NO_SPAN ? randomId(bytes) : id;
}
