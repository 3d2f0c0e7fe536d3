import { TooManyRequests } from '../contract';
import type { KeyValue } from './keyvalue';

/** So many in a window. */
export interface Limit {
  readonly count: number;
  readonly windowMs: number;
}

const MAX_SUBJECTS = 100_000;

/**
 * Counts in fixed windows. `take` protects this process and counts in it; `takeShared` protects an account and counts for all
 * processes, and in this one as well: a store that is away, or was too slow for some of it, makes nobody's guesses undone.
 */
export class Limits {
  private windows = new Map<string, { until: number; used: number }>();

  constructor(
    private readonly limits: Readonly<Record<string, Limit>> | 'off',
    private readonly keyvalue: KeyValue,
  ) {}

  /** @throws TooManyRequests */
  take(name: string, subject: string): void {
    const limit = this.limit(name);
    if (!limit) return;
    const window = this.count(name, subject, limit);
    if (window.used > limit.count) throw refusal(window.until - Date.now());
  }

  /** @throws TooManyRequests */
  async takeShared(name: string, subject: string): Promise<void> {
    const limit = this.limit(name);
    if (!limit) return;
    const here = this.count(name, subject, limit);
    const used = await this.keyvalue.increment(keyOf(name, subject), limit.windowMs).catch(() => here.used); // the store is away
    if (used > limit.count) throw refusal(limit.windowMs);
  }

  /** For all processes, without a refusal. */
  async note(name: string, subject: string): Promise<void> {
    const limit = this.limit(name);
    if (!limit) return;
    this.count(name, subject, limit);
    await this.keyvalue.increment(keyOf(name, subject), limit.windowMs).catch(() => undefined); // the store is away
  }

  /** How often something was noted in the window that is open; 0 where there is no such limit. */
  async noted(name: string, subject: string): Promise<number> {
    if (!this.limit(name)) return 0;
    const text = await this.keyvalue.get(keyOf(name, subject)).catch(() => undefined);
    const window = this.windows.get(`${name}:${subject}`);
    const here = window && window.until > Date.now() ? window.used : 0;
    return Math.max(Number(text ?? 0), here);
  }

  /** Undefined where there is none. */
  limit(name: string): Limit | undefined {
    return this.limits === 'off' ? undefined : this.limits[name];
  }

  private count(name: string, subject: string, { windowMs }: Limit): { until: number; used: number } {
    const now = Date.now();
    const key = `${name}:${subject}`;
    let window = this.windows.get(key);
    if (!window || window.until <= now) {
      if (this.windows.size >= MAX_SUBJECTS) this.forgetEnded(now);
      window = { until: now + windowMs, used: 0 };
      this.windows.set(key, window);
    }
    window.used++;
    return window;
  }

  /** Live windows of a flood of addresses are dropped too when nothing has ended: memory is bounded before fairness. */
  private forgetEnded(now: number): void {
    for (const [key, window] of this.windows) if (window.until <= now) this.windows.delete(key);
    if (this.windows.size >= MAX_SUBJECTS) this.windows = new Map();
  }
}

const keyOf = (name: string, subject: string): string => `limit:${name}:${subject}`;

export function refusal(waitMs: number) {
  const error = TooManyRequests();
  return Object.assign(error, { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) });
}
