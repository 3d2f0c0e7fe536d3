import { setTimeout as pause } from 'node:timers/promises';

/** Over so long the sockets of a process that stops are closed. */
const LIMIT_MS = 5_000;
/** Fewer are closed sooner. */
const EACH_MS = 5;
/** Less is not worth a timer. */
const STEP_MS = 10;

/** Ends one after the other, so that not all their clients come again at one moment. */
export async function spreadOut<T>(all: readonly T[], end: (one: T) => void): Promise<void> {
  const eachMs = Math.min(EACH_MS, LIMIT_MS / Math.max(1, all.length));
  const started = performance.now();
  for (const [index, one] of all.entries()) {
    const aheadMs = index * eachMs - (performance.now() - started);
    if (aheadMs > STEP_MS) await pause(aheadMs);
    end(one);
  }
}
