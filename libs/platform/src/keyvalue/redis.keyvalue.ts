import { randomUUID } from 'node:crypto';
import { type ChainableCommander, Redis, type RedisOptions } from 'ioredis';
import type { Logger } from '../telemetry/log';
import { type KeyValue, KeyValueUnavailable, type Listener, type Scored, type ScoreRange } from './keyvalue';
import { startHeartbeat } from './heartbeat';
import { RedisSubscriber } from './redis.subscriber';

export interface RedisKeyValueOptions {
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Before every key and channel; tests have their own. */
  readonly prefix?: string;
  readonly commandTimeoutMs?: number;
}

// A script is one command: it travels with others in one write, which a transaction does not, and nothing comes between its parts.
const INCREMENT = `local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end return n`;
const ADD = `redis.call('ZADD', KEYS[1], unpack(ARGV, 2)) redis.call('PEXPIRE', KEYS[1], ARGV[1])`;

/** So many members go with one command: Redis and JavaScript alike take only so many arguments. */
const CHUNK = 1_000;

/**
 * The key-value store on Redis (6.2 or later). Commands of one turn of the event loop travel together. Without a connection they
 * fail at once: none waits for a reconnect and none is sent twice. It reconnects by itself, with pauses of at most a second.
 */
export class RedisKeyValue implements KeyValue {
  private readonly redis: Redis;
  private readonly subscriber: RedisSubscriber;
  private readonly stopHeartbeat: () => void;
  private readonly log: RedisKeyValueOptions['log'];
  private readonly prefix: string;
  private currentGeneration: string = randomUUID();
  private state: 'connecting' | 'ready' | 'away' | 'closed' = 'connecting';
  private reason = 'connecting';
  private settle: () => void = () => undefined;
  private readonly settled = new Promise<void>((resolve) => (this.settle = resolve));

  private constructor(url: string, { log, prefix = 'banyan:', commandTimeoutMs = 1_000 }: RedisKeyValueOptions) {
    this.log = log;
    this.prefix = prefix;
    const options: RedisOptions = {
      enableAutoPipelining: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      commandTimeout: commandTimeoutMs,
      connectTimeout: 2 * commandTimeoutMs,
      disconnectTimeout: commandTimeoutMs,
      retryStrategy: (attempt) => Math.min(1_000, 50 * 2 ** Math.min(attempt, 5)) * (0.5 + Math.random() / 2),
      disableClientInfo: true,
    };
    this.redis = new Redis(url, options);
    this.redis.on('ready', () => void this.learnGeneration());
    this.redis.on('close', () => this.lost());
    this.redis.on('error', (error) => (this.reason = reasonOf(error)));
    this.stopHeartbeat = startHeartbeat(this.redis, 3 * commandTimeoutMs);
    this.subscriber = new RedisSubscriber(() => new Redis(url, options), 3 * commandTimeoutMs, log);
  }

  /** Resolves after the first attempt to connect, successful or not: a process may start before its Redis does. */
  static async open(url: string, options: RedisKeyValueOptions): Promise<RedisKeyValue> {
    const keyvalue = new RedisKeyValue(url, options);
    await keyvalue.settled;
    return keyvalue;
  }

  get generation(): string {
    return this.currentGeneration;
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.ask(() => this.redis.get(this.prefix + key))) ?? undefined;
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    await this.ask(() => this.redis.set(this.prefix + key, value, 'PX', wholeMs(ttlMs)));
  }

  async delete(...keys: string[]): Promise<number> {
    if (keys.length === 0) return 0;
    return this.ask(() => this.redis.del(keys.map((key) => this.prefix + key)));
  }

  async increment(key: string, ttlMs: number): Promise<number> {
    return Number(await this.ask(() => this.redis.eval(INCREMENT, 1, this.prefix + key, wholeMs(ttlMs))));
  }

  async sortedAdd(key: string, entries: readonly Scored[], ttlMs: number): Promise<void> {
    if (entries.length === 0) return;
    const scripts = [...chunksOf(entries)].map((chunk) => {
      return [ADD, 1, this.prefix + key, wholeMs(ttlMs), ...chunk.flatMap(({ score, member }) => [score, member])] as const;
    });
    const [only, ...more] = scripts;
    if (only && more.length === 0) return void (await this.ask(() => this.redis.eval(...only)));
    const transaction = this.redis.multi();
    for (const script of scripts) transaction.eval(...script);
    await this.together(transaction);
  }

  async sortedRemove(key: string, members: readonly string[]): Promise<number> {
    if (members.length === 0) return 0;
    if (members.length <= CHUNK) return this.ask(() => this.redis.zrem(this.prefix + key, ...members));
    const transaction = this.redis.multi();
    for (const chunk of chunksOf(members)) transaction.zrem(this.prefix + key, ...chunk);
    return (await this.together(transaction)).reduce<number>((sum, removed) => sum + Number(removed), 0);
  }

  async sortedRange(key: string, { limit = -1, ...range }: ScoreRange & { limit?: number } = {}): Promise<Scored[]> {
    const [min, max] = bounds(range);
    const flat = await this.ask(() => this.redis.zrangebyscore(this.prefix + key, min, max, 'WITHSCORES', 'LIMIT', 0, limit));
    const found: Scored[] = [];
    for (let i = 0; i < flat.length; i += 2) found.push({ member: flat[i] as string, score: Number(flat[i + 1]) });
    return found;
  }

  async sortedCount(key: string, range: ScoreRange = {}): Promise<number> {
    return this.ask(() => this.redis.zcount(this.prefix + key, ...bounds(range)));
  }

  async sortedScores(key: string, members: readonly string[]): Promise<(number | undefined)[]> {
    if (members.length === 0) return [];
    const transaction = this.redis.multi();
    for (const chunk of chunksOf(members)) transaction.zmscore(this.prefix + key, ...chunk);
    const answers = (await this.together(transaction)) as (string | null)[][];
    return answers.flat().map((score) => (score === null ? undefined : Number(score)));
  }

  async sortedTrim(key: string, range: ScoreRange & { max: number }): Promise<number> {
    return this.ask(() => this.redis.zremrangebyscore(this.prefix + key, ...bounds(range)));
  }

  async publish(channel: string, message: string): Promise<void> {
    await this.ask(() => this.redis.publish(this.prefix + channel, message));
  }

  async subscribe(channel: string, listener: Listener, onGap?: () => void): Promise<() => Promise<void>> {
    return this.subscriber.subscribe(this.prefix + channel, listener, onGap);
  }

  async ping(): Promise<void> {
    await this.ask(() => this.redis.ping());
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.reason = 'closed';
    this.stopHeartbeat();
    this.subscriber.close();
    // After what is under way; a store that is away has nothing under way, and then there is only a reconnect to call off.
    await this.redis.quit().catch(() => this.redis.disconnect());
  }

  private async ask<T>(command: () => Promise<T>): Promise<T> {
    // Connected is not enough: until the generation is known, an index of an earlier life could pass for one of this.
    if (this.state !== 'ready') throw new KeyValueUnavailable(this.reason);
    try {
      return await command();
    } catch (error) {
      // Answers come in order: after one that did not come in time none will. Commands that come now would wait as long again.
      if (isTimeout(error) && this.state === 'ready') {
        this.reason = reasonOf(error);
        this.lost();
        this.redis.disconnect(true);
      }
      throw toFailure(error);
    }
  }

  /** The answers of a transaction, which happens as a whole; its commands can only be wrong in themselves. */
  private async together(transaction: ChainableCommander): Promise<unknown[]> {
    const answers = (await this.ask(() => transaction.exec())) ?? [];
    return answers.map(([error, answer]) => {
      if (error) throw toFailure(error);
      return answer;
    });
  }

  private async learnGeneration(): Promise<void> {
    const generation = await this.redis.info('server').then(
      (info) => /^run_id:(\S+)/m.exec(info)?.[1],
      (error: unknown) => (error instanceof Error && error.name === 'ReplyError' ? undefined : null),
    );
    if (this.state === 'closed') return;
    if (generation === null) {
      if (this.redis.status === 'ready') this.redis.disconnect(true); // connected, but it did not answer
      return;
    }
    if (this.state === 'away') this.log.info('the key-value store is back');
    this.currentGeneration = generation ?? randomUUID(); // a server that does not say: every connection counts as another life
    this.state = 'ready';
    this.reason = 'disconnected'; // until something worse is known
    this.settle();
  }

  private lost(): void {
    if (this.state === 'closed') return;
    if (this.state !== 'away') this.log.warn({ reason: this.reason }, 'the key-value store is away');
    this.state = 'away';
    this.settle();
  }
}

function* chunksOf<T>(items: readonly T[]): Generator<T[]> {
  for (let from = 0; from < items.length; from += CHUNK) yield items.slice(from, from + CHUNK);
}

const wholeMs = (ttlMs: number) => Math.max(1, Math.ceil(ttlMs));

function bounds({ min, max }: ScoreRange): [min: number | string, max: number | string] {
  return [min ?? '-inf', max ?? '+inf'];
}

/** A command that is wrong in itself stays as it is: that is our fault, not the store's. */
function toFailure(error: unknown): unknown {
  const isOurFault = error instanceof Error && error.name === 'ReplyError' && /^(ERR|WRONGTYPE) /.test(error.message);
  return isOurFault || error instanceof KeyValueUnavailable ? error : new KeyValueUnavailable(reasonOf(error));
}

/** A code without addresses: `ECONNREFUSED`, `LOADING`, `timeout`. */
function reasonOf(error: unknown): string {
  const { name, code, message } = error as NodeJS.ErrnoException;
  if (code) return code;
  if (name === 'ReplyError') return message.split(' ')[0] ?? name;
  return isTimeout(error) ? 'timeout' : 'disconnected';
}

/** ioredis has no class or code for it. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && /time(d )?out/i.test(error.message);
}
