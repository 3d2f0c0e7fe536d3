export interface BreakerOptions {
  /** Length of the rolling window. */
  readonly windowMs?: number;
  /** Opens when the window holds at least this many failures … */
  readonly minFailures?: number;
  /** … and they are at least this part of all. */
  readonly ratio?: number;
  /** How long it stays open before one call may try. */
  readonly openMs?: number;
  /** Milliseconds of any clock that does not run backwards. */
  readonly now?: () => number;
}

const SLOTS = 10;

/**
 * A circuit breaker over a rolling window (Nygard, Release It!). While it is open nothing is sent; then one call at a time tries, and
 * its success closes it.
 */
export class Breaker {
  private readonly windowMs: number;
  private readonly minFailures: number;
  private readonly ratio: number;
  private readonly openMs: number;
  private readonly now: () => number;
  private readonly good = new Uint32Array(SLOTS);
  private readonly bad = new Uint32Array(SLOTS);
  private slot = 0;
  /** undefined while closed. */
  private openUntil?: number;
  private isTrying = false;

  constructor({ windowMs = 10_000, minFailures = 5, ratio = 0.5, openMs = 2_000, now = () => performance.now() }: BreakerOptions = {}) {
    this.windowMs = windowMs;
    this.minFailures = minFailures;
    this.ratio = ratio;
    this.openMs = openMs;
    this.now = now;
  }

  /** May a call be sent now? */
  get allows(): boolean {
    if (this.openUntil === undefined) return true;
    return !this.isTrying && this.now() >= this.openUntil;
  }

  /** A call is sent. Each has one `end`. */
  begin(): void {
    if (this.openUntil !== undefined) this.isTrying = true;
  }

  /** `neutral` says nothing about the other side's health, such as a refusal. */
  end(outcome: 'good' | 'bad' | 'neutral'): void {
    if (this.openUntil !== undefined) {
      // Calls sent before it opened end here too; they count like the one that tries.
      this.isTrying = false;
      if (outcome === 'good') this.reset();
      else if (outcome === 'bad') this.openUntil = this.now() + this.openMs;
      return;
    }
    this.turn();
    if (outcome === 'good') this.good[this.slot % SLOTS]!++;
    if (outcome !== 'bad') return;
    this.bad[this.slot % SLOTS]!++;
    const failures = sum(this.bad);
    if (failures >= this.minFailures && failures >= this.ratio * (failures + sum(this.good))) this.openUntil = this.now() + this.openMs;
  }

  private reset(): void {
    this.openUntil = undefined;
    this.good.fill(0);
    this.bad.fill(0);
  }

  /** Forget the slots that have left the window. */
  private turn(): void {
    const slot = Math.floor((this.now() * SLOTS) / this.windowMs);
    for (let passed = Math.min(slot - this.slot, SLOTS); passed > 0; passed--) {
      this.good[(slot - passed + 1) % SLOTS] = 0;
      this.bad[(slot - passed + 1) % SLOTS] = 0;
    }
    this.slot = slot;
  }
}

const sum = (counts: Uint32Array): number => counts.reduce((total, count) => total + count, 0);
