/** A member of a sorted set. Scores are finite. */
export interface Scored {
  readonly member: string;
  readonly score: number;
}

/** Both ends belong to the range; one that is left out is open. */
export interface ScoreRange {
  readonly min?: number;
  readonly max?: number;
}

/** Called with each message of a channel. What it throws is logged and nothing else. */
export type Listener = (message: string) => void;

/**
 * What is quick to look up and may be lost: presence, rate limits, caches, indexes. Never the truth.
 *
 * Every key ends by itself after the `ttlMs` of its last write. Texts are well-formed Unicode. Each method is atomic. While the
 * store is away every method but `subscribe` fails within about a second with KeyValueUnavailable; a write that failed so may
 * have happened. Nothing is kept back and sent later.
 */
export interface KeyValue {
  /**
   * Names this life of the store: another one means that it restarted, perhaps with old contents. An index that must not be
   * older than the truth carries it in its keys, and what was read under it is good if it still is the same afterwards.
   */
  readonly generation: string;

  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
  /** @returns how many there were */
  delete(...keys: string[]): Promise<number>;

  /** Count in a fixed window: the first call opens it for `ttlMs`, the others do not prolong it. @returns the count so far */
  increment(key: string, ttlMs: number): Promise<number>;

  /** Add members, or give them another score. All or nothing, however many. */
  sortedAdd(key: string, entries: readonly Scored[], ttlMs: number): Promise<void>;
  /** @returns how many there were */
  sortedRemove(key: string, members: readonly string[]): Promise<number>;
  /** By score, then by member (code points); at most `limit` from the low end. */
  sortedRange(key: string, range?: ScoreRange & { readonly limit?: number }): Promise<Scored[]>;
  sortedCount(key: string, range?: ScoreRange): Promise<number>;
  /** Of each of these members, in their order; undefined for one that is not there. */
  sortedScores(key: string, members: readonly string[]): Promise<(number | undefined)[]>;
  /** Remove by score. @returns how many there were */
  sortedTrim(key: string, range: ScoreRange & { readonly max: number }): Promise<number>;

  /** To whoever listens at this moment, at most once. */
  publish(channel: string, message: string): Promise<void>;
  /**
   * Listen from when this resolves. While the store is away it resolves at once and listens when the store is back; what was
   * published in between is lost, so a listener's owner must be able to do without.
   *
   * @param onGap called when listening has begun again after messages may have been lost
   * @returns stops listening
   */
  subscribe(channel: string, listener: Listener, onGap?: () => void): Promise<() => Promise<void>>;

  /** @throws KeyValueUnavailable */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The store cannot be reached or does not serve. `reason` is a code; addresses stay out of both. */
export class KeyValueUnavailable extends Error {
  constructor(readonly reason: string) {
    super(`The key-value store is not available (${reason})`);
    this.name = 'KeyValueUnavailable';
  }
}
