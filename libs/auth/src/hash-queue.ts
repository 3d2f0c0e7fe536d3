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
  readonly deadline: number;
  readonly go: () => void;
  readonly refuse: (error: Error) => void;
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

  /** @throws Unavailable if too many wait, or the caller would not be there any more when it is his turn */
  async run<T>(work: () => Promise<T>, { isKnown = false }: { isKnown?: boolean } = {}): Promise<T> {
    if (this.running >= AT_ONCE) await this.wait(isKnown ? this.known : this.strangers);
    else this.running++;
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.usualMs += (performance.now() - began - this.usualMs) / 8;
      this.next();
    }
  }

  private wait(queue: Waiting[]): Promise<void> {
    const ahead = this.known.length + (queue === this.known ? 0 : this.strangers.length);
    const waitMs = ((ahead + 1) * this.usualMs) / AT_ONCE;
    if (queue.length >= MAX_WAITING || waitMs > MAX_WAIT_MS) throw full(waitMs);
    const deadline = currentContext()?.deadline ?? Infinity;
    return new Promise((go, refuse) => queue.push({ deadline, go, refuse }));
  }

  private next(): void {
    for (;;) {
      const next = this.known.shift() ?? this.strangers.shift();
      if (next && Date.now() > next.deadline) {
        next.refuse(Unavailable());
        continue;
      }
      if (next) next.go();
      else this.running--;
      return;
    }
  }
}

function full(waitMs: number) {
  return Object.assign(Unavailable(), { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) });
}
