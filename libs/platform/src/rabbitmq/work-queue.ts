export interface WorkQueueLimits {
  /** How many run at the same time. */
  readonly concurrency: number;
  /** How many more may wait. */
  readonly maxWaiting: number;
}

/** Runs items in the order in which they come, a bounded number at a time, and refuses what it could not hold. */
export class WorkQueue<T> {
  private waiting: T[] = [];
  private running = 0;
  private onIdle: (() => void)[] = [];

  constructor(
    private readonly limits: WorkQueueLimits,
    /** Must not reject. */
    private readonly run: (item: T) => Promise<void>,
  ) {}

  /** False if it is full. */
  add(item: T): boolean {
    if (this.running >= this.limits.concurrency && this.waiting.length >= this.limits.maxWaiting) return false;
    this.waiting.push(item);
    this.next();
    return true;
  }

  /** Take out what has not begun. */
  clear(): T[] {
    return this.waiting.splice(0);
  }

  remove(matches: (item: T) => boolean): void {
    const index = this.waiting.findIndex(matches);
    if (index >= 0) this.waiting.splice(index, 1);
  }

  /** Resolves when nothing runs, or after `timeoutMs`. */
  async idle(timeoutMs: number): Promise<void> {
    if (this.running === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.onIdle.push(resolve);
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }

  private next(): void {
    while (this.running < this.limits.concurrency && this.waiting.length > 0) {
      this.running++;
      void this.run(this.waiting.shift()!).then(this.onEnd);
    }
  }

  private readonly onEnd = () => {
    this.running--;
    this.next();
    if (this.running === 0) for (const resolve of this.onIdle.splice(0)) resolve();
  };
}
