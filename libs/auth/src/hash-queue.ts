import { availableParallelism } from 'node:os';
import { Unavailable } from '@banyan/platform/contract';
import { currentContext } from '@banyan/platform/dispatch/context';

/** Hashes run in libuv's pool of four threads, which files and name look-ups need too, and on processors that the others need. */
const AT_ONCE = Math.max(1, Math.min(2, availableParallelism() - 1));
const MAX_WAITING = 256;
/** Whoever would wait longer is told at once to come again. */
const MAX_WAIT_MS = 3_000;
/** Of a hash, before one was made. */
const USUAL_MS = 100;

interface Waiting {
  readonly go: () => void;
}

/**
 * At most a few hashes at once, and a bounded queue behind them: a crowd at the sign-in gets 503 with the time after which to come again,
 * and does not stop everything else. Who is known goes before strangers, so that a flood of guesses does not keep the owners out.
 */
export class HashQueue {
  private running = 0;
  private usualMs = USUAL_MS;
  private readonly known: Waiting[] = [];
  private readonly strangers: Waiting[] = [];

  /** Whether whoever comes now has to wait. */
  get isBusy(): boolean {
    return this.running >= AT_ONCE;
  }

  /** @throws Unavailable if too many wait, or his turn does not come while there is still time for a hash */
  async run<T>(work: () => Promise<T>, { isKnown = false }: { isKnown?: boolean } = {}): Promise<T> {
    if (this.isBusy) await this.wait(isKnown ? this.known : this.strangers);
    else this.running++;
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.usualMs += (performance.now() - began - this.usualMs) / 8;
      this.next();
    }
  }

  /** How long it takes is a guess; whoever was let in by a wrong one is told when his time is over, not when his turn has come. */
  private wait(queue: Waiting[]): Promise<void> {
    const waitMs = this.waitMs(queue);
    const deadline = currentContext()?.deadline ?? Infinity;
    const patienceMs = Math.min(MAX_WAIT_MS, deadline - Date.now() - this.usualMs);
    if (queue.length >= MAX_WAITING || waitMs > patienceMs) throw full(waitMs);
    return new Promise((resolve, reject) => {
      const waiting = {
        go: () => {
          clearTimeout(patience);
          resolve();
        },
      };
      const patience = setTimeout(() => {
        queue.splice(queue.indexOf(waiting), 1);
        reject(full(this.waitMs(queue)));
      }, patienceMs);
      queue.push(waiting);
    });
  }

  private waitMs(queue: Waiting[]): number {
    const ahead = this.known.length + (queue === this.known ? 0 : this.strangers.length);
    return ((ahead + 1) * this.usualMs) / AT_ONCE;
  }

  private next(): void {
    const next = this.known.shift() ?? this.strangers.shift();
    if (next) next.go();
    else this.running--;
  }
}

function full(waitMs: number) {
  return Object.assign(Unavailable(), { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) });
}
