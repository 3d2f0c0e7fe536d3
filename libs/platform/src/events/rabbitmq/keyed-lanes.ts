/** Runs work at once, except that work of the same key runs one after the other, in the order in which it came. */
export class KeyedLanes {
  private readonly last = new Map<string, Promise<void>>();
  private readonly underWay = new Set<Promise<void>>();

  /** @param key null has no order. @param work must not throw */
  run(key: string | null, work: () => Promise<void>): void {
    const before = key === null ? undefined : this.last.get(key);
    const done = before === undefined ? work() : before.then(work);
    this.underWay.add(done);
    if (key !== null) this.last.set(key, done);
    void done.finally(() => {
      this.underWay.delete(done);
      if (key !== null && this.last.get(key) === done) this.last.delete(key);
    });
  }

  /** Resolves when all that was begun until then has ended. */
  async empty(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }
}
