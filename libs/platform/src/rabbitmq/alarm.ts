/** More than this a timer cannot take. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * One timer for many deadlines: rings at the earliest it was set for. Hardly a call lasts until its deadline: to make and
 * end a timer for each costs more than to look through those that are left when one has come.
 */
export class Alarm {
  private timer?: NodeJS.Timeout;
  private time = Infinity;

  /** @param ring does what is due at `now`, and gives the next time to ring at, if any (Infinity) */
  constructor(private readonly ring: (now: number) => number) {}

  /** @param time on the clock of `Date.now()` */
  setFor(time: number): void {
    if (time >= this.time) return;
    clearTimeout(this.timer);
    this.time = time;
    this.timer = setTimeout(() => this.wake(), Math.min(time - Date.now(), LONGEST_MS)).unref();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.time = Infinity;
  }

  private wake(): void {
    this.time = Infinity;
    this.setFor(this.ring(Date.now()));
  }
}
