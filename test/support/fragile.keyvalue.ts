import { randomUUID } from 'node:crypto';
import { InProcessKeyValue } from '@banyan/platform/keyvalue/in-process.keyvalue';
import { type KeyValue, KeyValueUnavailable, type Listener, type Scored, type ScoreRange } from '@banyan/platform/keyvalue/keyvalue';
import { RedisKeyValue } from '@banyan/platform/keyvalue/redis.keyvalue';
import { pino } from 'pino';
import { required } from './banyan';

/** Both implementations, each with keys of its own. For `describe.each`. */
export const keyValueStores = [
  { keyvalueName: 'in the process', openKeyValue: async (): Promise<KeyValue> => new InProcessKeyValue() },
  {
    keyvalueName: 'on Redis',
    openKeyValue: (): Promise<KeyValue> =>
      RedisKeyValue.open(required('TEST_REDIS_URL'), { log: pino({ level: 'silent' }), prefix: `${randomUUID()}:` }),
  },
];

/** A real store that loses what it has, starts again, or is away, when a test says so. */
export class FragileKeyValue implements KeyValue {
  private life = 0;
  private restarts = 0;
  private failing = 0;

  constructor(private readonly store: KeyValue) {}

  /** Everything in it is gone, and nobody is told. */
  wipe(): void {
    this.life++;
  }

  /** It has started again with what it had at some time before: nothing tells but the generation. */
  restart(): void {
    this.restarts++;
  }

  /** The next commands find it away. */
  failNext(commands: number): void {
    this.failing = commands;
  }

  get generation(): string {
    return `${this.store.generation}.${this.restarts}`;
  }

  async get(key: string): Promise<string | undefined> {
    return this.open().get(this.now(key));
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    return this.open().set(this.now(key), value, ttlMs);
  }

  async delete(...keys: string[]): Promise<number> {
    return this.open().delete(...keys.map((key) => this.now(key)));
  }

  async increment(key: string, ttlMs: number): Promise<number> {
    return this.open().increment(this.now(key), ttlMs);
  }

  async sortedAdd(key: string, entries: readonly Scored[], ttlMs: number): Promise<void> {
    return this.open().sortedAdd(this.now(key), entries, ttlMs);
  }

  async sortedRemove(key: string, members: readonly string[]): Promise<number> {
    return this.open().sortedRemove(this.now(key), members);
  }

  async sortedRange(key: string, range?: ScoreRange & { limit?: number }): Promise<Scored[]> {
    return this.open().sortedRange(this.now(key), range);
  }

  async sortedCount(key: string, range?: ScoreRange): Promise<number> {
    return this.open().sortedCount(this.now(key), range);
  }

  async sortedScores(key: string, members: readonly string[]): Promise<(number | undefined)[]> {
    return this.open().sortedScores(this.now(key), members);
  }

  async sortedTrim(key: string, range: ScoreRange & { max: number }): Promise<number> {
    return this.open().sortedTrim(this.now(key), range);
  }

  async publish(channel: string, message: string): Promise<void> {
    return this.open().publish(channel, message);
  }

  subscribe(channel: string, listener: Listener): Promise<() => Promise<void>> {
    return this.store.subscribe(channel, listener);
  }

  async ping(): Promise<void> {
    return this.open().ping();
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private now(key: string): string {
    return `${this.life}:${key}`;
  }

  private open(): KeyValue {
    if (this.failing > 0) {
      this.failing--;
      throw new KeyValueUnavailable('disconnected');
    }
    return this.store;
  }
}
