import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import type { Bounds } from './database';
import { DatabaseUnavailable, type Executed } from './errors';

export interface CoalescerOptions {
  /** When the current caller stops waiting (milliseconds since 1970). */
  readonly deadlineOf?: () => number | undefined;
  readonly maxBatch?: number;
  /** Items that may wait for the next batch; more are refused at once. */
  readonly maxWaiting?: number;
  /** For callers without a deadline. */
  readonly limitMs?: number;
}

interface Item<In, Out> {
  readonly input: In;
  readonly deadline: number;
  executed: Executed;
  isSettled: boolean;
  resolve(output: Out): void;
  reject(error: unknown): void;
}

const maxAttempts = 5;

/**
 * Calls waiting at the same moment go to the database as one. One `write` is under way, the next batch gathers meanwhile; alone, a
 * call waits for nothing. Each is answered after the commit of its batch, in the order of arrival.
 *
 * `write` answers one output per input, in order, and is all or nothing. It is called again with the same inputs after a lost
 * connection, so its rows need ids and keys chosen before. When it fails for another reason, the inputs are written one by one, so
 * that only the faulty one fails.
 */
export class Coalescer<In, Out> {
  private readonly waiting: Item<In, Out>[] = [];
  private isWriting = false;
  /** The batch belongs to nobody in particular: it must not run under the deadline, trace or actor of the call that began it. */
  private readonly outsideOfAnyCall = AsyncLocalStorage.snapshot();

  constructor(
    private readonly write: (batch: In[], bounds: Bounds) => Promise<Out[]>,
    private readonly options: CoalescerOptions = {},
  ) {}

  /** @throws DatabaseUnavailable at the caller's deadline: `no` if it was not sent yet; else what `write` throws for this input alone */
  add(input: In): Promise<Out> {
    const { deadlineOf, limitMs = 10_000, maxWaiting = 10_000 } = this.options;
    if (this.waiting.length >= maxWaiting) return Promise.reject(new DatabaseUnavailable('no'));
    return new Promise((resolve, reject) => {
      const limit = Date.now() + limitMs;
      const item: Item<In, Out> = {
        input,
        deadline: Math.min(deadlineOf?.() ?? limit, limit),
        executed: 'no',
        isSettled: false,
        resolve: (output) => settle(() => resolve(output)),
        reject: (error) => settle(() => reject(error)),
      };
      // Answers the caller in time; the write goes on for the others.
      const timer = setTimeout(() => item.reject(new DatabaseUnavailable(item.executed)), item.deadline - Date.now());
      function settle(answer: () => void): void {
        item.isSettled = true;
        clearTimeout(timer);
        answer();
      }
      this.waiting.push(item);
      if (!this.isWriting) void this.outsideOfAnyCall(() => this.drain());
    });
  }

  private async drain(): Promise<void> {
    this.isWriting = true;
    while (this.waiting.length > 0) {
      // Whatever else has arrived by now comes along; a lone call waits for nothing but that look.
      await immediate();
      const batch = this.waiting.splice(0, this.options.maxBatch ?? 256);
      await this.settle(batch);
    }
    this.isWriting = false;
  }

  private async settle(batch: Item<In, Out>[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const open = batch.filter((item) => !this.isOver(item));
      if (open.length === 0) return;
      try {
        return await this.send(open);
      } catch (error) {
        if (!(error instanceof DatabaseUnavailable)) {
          if (open.length === 1) return open[0]?.reject(error);
          for (const item of open) await this.settle([item]);
          return;
        }
        // Once it may have happened, it stays so, whatever later attempts say. Nothing makes it certain but an answer.
        if (error.executed === 'maybe') for (const item of open) item.executed = 'maybe';
        if (attempt === maxAttempts) {
          for (const item of open) item.reject(new DatabaseUnavailable(item.executed, error.cause));
          return;
        }
        await sleep(20 * 2 ** attempt * Math.random());
      }
    }
  }

  private isOver(item: Item<In, Out>): boolean {
    // Also when its timer is only about to fire.
    if (!item.isSettled && Date.now() >= item.deadline) item.reject(new DatabaseUnavailable(item.executed));
    return item.isSettled;
  }

  private async send(items: Item<In, Out>[]): Promise<void> {
    const deadline = Math.max(...items.map((item) => item.deadline));
    const before = items.map((item) => item.executed);
    // While it is under way, a caller whose time is up can only be told "maybe".
    for (const item of items) item.executed = 'maybe';
    let outputs: Out[];
    try {
      outputs = await this.write(
        items.map((item) => item.input),
        { deadline },
      );
      if (outputs.length !== items.length) throw new Error(`A batch of ${items.length} was answered with ${outputs.length}`);
    } catch (error) {
      items.forEach((item, index) => (item.executed = before[index] ?? 'maybe'));
      throw error;
    }
    items.forEach((item, index) => item.resolve(outputs[index] as Out));
  }
}
