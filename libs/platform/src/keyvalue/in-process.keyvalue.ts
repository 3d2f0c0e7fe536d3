import { randomUUID } from 'node:crypto';
import { type KeyValue, KeyValueUnavailable, type Listener, type Scored, type ScoreRange } from './keyvalue';
import { SortedSet } from './sorted-set';

interface Entry {
  value: string | SortedSet;
  until: number;
}

export interface InProcessOptions {
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
  /** More keys than this are refused, as a Redis without memory refuses them. */
  readonly maxKeys?: number;
  readonly onListenerError?: (error: unknown) => void;
}

/** How many entries each write looks at for ended ones. With two or more, a sweep overtakes the writes that make new entries. */
const SWEPT_PER_WRITE = 2;

/**
 * The key-value store of a single process. No timer runs: ended keys are dropped when touched, and each write sweeps a few
 * others, so that memory follows the keys that live.
 */
export class InProcessKeyValue implements KeyValue {
  readonly generation = randomUUID();
  private readonly entries = new Map<string, Entry>();
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly now: () => number;
  private readonly maxKeys: number;
  private readonly onListenerError: (error: unknown) => void;
  private sweep = this.entries.entries();
  private isClosed = false;

  constructor({ now = () => performance.now(), maxKeys = 1_000_000, onListenerError = () => undefined }: InProcessOptions = {}) {
    this.now = now;
    this.maxKeys = maxKeys;
    this.onListenerError = onListenerError;
  }

  /** How many keys are held, ended ones that no sweep has met included. */
  get size(): number {
    return this.entries.size;
  }

  async get(key: string): Promise<string | undefined> {
    return textOf(this.live(key)?.value);
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    this.write(key, value, ttlMs);
  }

  async delete(...keys: string[]): Promise<number> {
    let found = 0;
    for (const key of keys) if (this.live(key) && this.entries.delete(key)) found++;
    return found;
  }

  async increment(key: string, ttlMs: number): Promise<number> {
    const entry = this.live(key);
    const count = Number(textOf(entry?.value) ?? 0) + 1;
    if (entry) entry.value = String(count);
    else this.write(key, String(count), ttlMs);
    return count;
  }

  async sortedAdd(key: string, entries: readonly Scored[], ttlMs: number): Promise<void> {
    if (entries.length === 0) return;
    const set = this.sorted(key) ?? new SortedSet();
    this.write(key, set, ttlMs);
    set.add(entries);
  }

  async sortedRemove(key: string, members: readonly string[]): Promise<number> {
    return this.shrink(key, (set) => set.remove(members));
  }

  async sortedRange(key: string, range: ScoreRange & { limit?: number } = {}): Promise<Scored[]> {
    return this.sorted(key)?.range(range) ?? [];
  }

  async sortedCount(key: string, range: ScoreRange = {}): Promise<number> {
    return this.sorted(key)?.count(range) ?? 0;
  }

  async sortedScores(key: string, members: readonly string[]): Promise<(number | undefined)[]> {
    const set = this.sorted(key);
    return members.map((member) => set?.scoreOf(member));
  }

  async sortedTrim(key: string, range: ScoreRange & { max: number }): Promise<number> {
    return this.shrink(key, (set) => set.trim(range));
  }

  async publish(channel: string, message: string): Promise<void> {
    await this.ping();
    // Later, as over a connection: a publisher must not come to rely on being heard before it goes on.
    setImmediate(() => {
      for (const listener of this.listeners.get(channel) ?? []) {
        try {
          listener(message);
        } catch (error) {
          this.onListenerError(error);
        }
      }
    });
  }

  async subscribe(channel: string, listener: Listener): Promise<() => Promise<void>> {
    const own: Listener = (message) => listener(message); // so that the same listener may subscribe twice
    this.listeners.set(channel, (this.listeners.get(channel) ?? new Set()).add(own));
    return async () => {
      const others = this.listeners.get(channel);
      if (others?.delete(own) && others.size === 0) this.listeners.delete(channel);
    };
  }

  async ping(): Promise<void> {
    if (this.isClosed) throw new KeyValueUnavailable('closed');
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.entries.clear();
    this.listeners.clear();
  }

  private live(key: string): Entry | undefined {
    if (this.isClosed) throw new KeyValueUnavailable('closed');
    const entry = this.entries.get(key);
    if (!entry || entry.until > this.now()) return entry;
    this.entries.delete(key);
    return undefined;
  }

  private sorted(key: string): SortedSet | undefined {
    const value = this.live(key)?.value;
    if (typeof value === 'string') throw new TypeError('A text is kept under this key, not a sorted set');
    return value;
  }

  private shrink(key: string, change: (set: SortedSet) => number): number {
    const set = this.sorted(key);
    if (!set) return 0;
    const removed = change(set);
    if (set.size === 0) this.entries.delete(key);
    return removed;
  }

  private write(key: string, value: string | SortedSet, ttlMs: number): void {
    this.sweepSome();
    const isNew = !this.live(key);
    if (isNew && this.entries.size >= this.maxKeys) throw new KeyValueUnavailable('full');
    this.entries.set(key, { value, until: this.now() + ttlMs });
  }

  private sweepSome(): void {
    const now = this.now();
    for (let looked = 0; looked < SWEPT_PER_WRITE; looked++) {
      const next = this.sweep.next();
      if (next.done) this.sweep = this.entries.entries();
      else if (next.value[1].until <= now) this.entries.delete(next.value[0]);
    }
  }
}

function textOf(value: string | SortedSet | undefined): string | undefined {
  if (value instanceof SortedSet) throw new TypeError('A sorted set is kept under this key, not a text');
  return value;
}
