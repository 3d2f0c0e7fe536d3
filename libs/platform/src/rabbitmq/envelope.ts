import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Actor, CallContext } from '../contract';

/**
 * What two processes of the same installation send each other. One AMQP message is a batch: the calls (or answers) that one turn of the
 * event loop had for one receiver.
 *
 *     content  = HMAC-SHA256(CARRIER_KEY, audience LF sender LF body), 32 bytes, then the body
 *     audience = the queue it is sent to        sender = AMQP's reply-to: the queue where the sender hears answers or calls
 *     body     = JSON, UTF-8: CallBatch or AnswerBatch
 *
 * Whoever reaches the broker can so neither invent a call, nor alter one, send it on to somebody else or have it answered to himself.
 * `n` counts the batches of a sender to an audience, so that one recorded and sent again is not executed again.
 *
 * Keys that a reader does not know are ignored; `n`, the list `calls` and each `id` in it mean the same in every version. Deadlines are points in time: clocks of
 * the machines are kept together (NTP) as well as timeouts are long.
 */
export const VERSION = 1;

export interface CallEnvelope extends CallContext<Actor> {
  readonly id: number;
  readonly operation: string;
  /** Absent if the caller gave undefined. */
  readonly input?: unknown;
  /** 1 for the first; how often the caller has tried. */
  readonly attempt: number;
}

/** The caller no longer waits for the call of that id. */
export interface AbortEnvelope {
  readonly id: number;
  readonly abort: true;
}

export interface CallBatch {
  readonly v: number;
  readonly n: number;
  readonly calls: readonly (CallEnvelope | AbortEnvelope)[];
}

export interface WireError {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
}

/** Why a call was not executed, or what kept it from being finished (`unavailable`: something the operation needs). */
export type Reason = 'draining' | 'expired' | 'incompatible' | 'malformed' | 'overloaded' | 'unavailable' | 'unknown_operation';

/** One of: the output (absent if undefined), an error of the contract, or no answer and why. */
export type AnswerEnvelope =
  | { readonly id: number; readonly output?: unknown }
  | { readonly id: number; readonly error: WireError }
  | { readonly id: number; readonly executed: 'no' | 'maybe'; readonly reason: Reason };

export interface AnswerBatch {
  readonly v: number;
  readonly answers: readonly AnswerEnvelope[];
}

/** Whose message it is and for whom. */
export interface Direction {
  readonly audience: string;
  readonly sender: string;
}

const MAC_BYTES = 32;

/** CARRIER_KEY made ready: from a text it would be made ready for each message. */
export function carrierKey(text: string): KeyObject {
  return createSecretKey(text, 'utf8');
}

export function seal(key: KeyObject, direction: Direction, body: string): Buffer {
  const content = Buffer.allocUnsafe(MAC_BYTES + Buffer.byteLength(body));
  content.write(body, MAC_BYTES);
  macOf(key, direction, content.subarray(MAC_BYTES)).copy(content);
  return content;
}

/** The body, parsed; undefined if it was not sealed with this key, by this sender, for this audience. */
export function unseal(key: KeyObject, direction: Direction, content: Buffer): unknown {
  if (content.length <= MAC_BYTES) return undefined;
  const body = content.subarray(MAC_BYTES);
  if (!timingSafeEqual(content.subarray(0, MAC_BYTES), macOf(key, direction, body))) return undefined;
  return JSON.parse(body.toString()); // who has the key writes JSON
}

function macOf(key: KeyObject, { audience, sender }: Direction, body: Buffer): Buffer {
  return createHmac('sha256', key).update(`${audience}\n${sender}\n`).update(body).digest();
}
