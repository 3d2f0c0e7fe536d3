import { type KeyObject, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Channel, ConsumeMessage } from 'amqplib';
import { LRUCache } from 'lru-cache';
import { CallTooDeep, DomainError, Internal } from '../contract';
import { MAX_DEPTH } from '../dispatch/context';
import { isNotServed } from '../dispatch/outcome';
import type { OperationServer } from '../dispatch/server';
import type { Logger } from '../telemetry/log';
import { atMost } from './at-most';
import {
  type AbortEnvelope,
  type AnswerEnvelope,
  type CallBatch,
  type CallEnvelope,
  type Reason,
  carrierKey,
  seal,
  unseal,
  VERSION,
  type WireError,
} from './envelope';
import { LastingChannel } from './lasting-channel';
import { afterConsequences, type Encoded, TurnBatch } from './turn-batch';
import { WorkQueue } from './work-queue';

export interface OperationConsumerOptions {
  readonly connection: AmqpConnection;
  readonly server: OperationServer;
  /** Of this process; its queue is named by it. */
  readonly instanceId: string;
  /** CARRIER_KEY: signs every message between processes. */
  readonly key: string;
  readonly log: Logger;
  /** The queue has another name now: callers must be told, at the latest with the next heartbeat. */
  readonly onQueue?: (queue: string) => void;
  /** Messages that may be on their way from the broker; each holds up to 64 calls. */
  readonly prefetch?: number;
  /** Calls that run at the same time. */
  readonly concurrency?: number;
  /** Calls that wait for their turn; beyond them the caller is told to go elsewhere. */
  readonly maxWaiting?: number;
}

interface Call {
  readonly call: CallEnvelope;
  readonly replyTo: string;
}

/** Senders whose last number is remembered: far more than processes that send. */
const SENDERS = 10_000;
/** As long as others may take to read in the directory that this process drains. */
const QUIET_MS = 1_000;
/** For a broker that does not answer. */
const FAREWELL_MS = 2_000;
/** Less than the broker would wait before it gives up a consumer, by far. */
const BULK_MS = 100;

/**
 * Executes what other processes call here, from one exclusive queue, and answers each call: with its output, with the declared error,
 * or with the word that it was not (or perhaps not) executed, so that the caller can go elsewhere.
 *
 * Nothing is executed because it was delivered again: the numbers of the batches tell. What a killed process had begun or not is gone
 * with its queue, and its callers hear nothing, which they take for `maybe`. Acknowledging therefore only tells the broker how much to
 * send, and is done for many messages at once: one by one it costs a small call a third of its time.
 */
export class OperationConsumer {
  private readonly channel: LastingChannel<Channel>;
  private readonly work: WorkQueue<Call>;
  private readonly answers = new Map<string, TurnBatch<Encoded>>();
  private readonly lastNumbers = new LRUCache<string, number>({ max: SENDERS });
  private readonly counted = new Map<string, number>();
  private readonly key: KeyObject;
  private isDraining = false;
  /** When one came, on the clock of `performance.now()`. */
  private lastCall = 0;
  private queueName: string;

  constructor(private readonly options: OperationConsumerOptions) {
    const { connection, instanceId, log, concurrency = 256, maxWaiting = 1_024 } = options;
    this.key = carrierKey(options.key);
    this.queueName = `banyan.calls.${instanceId}`;
    this.work = new WorkQueue({ concurrency, maxWaiting }, (call) => this.execute(call));
    this.channel = new LastingChannel(connection, {
      create: (model) => model.createChannel(),
      setUp: (channel) => this.consume(channel),
      log,
    });
  }

  /** Where calls for this process go. */
  get queue(): string {
    return this.queueName;
  }

  /** Resolves when calls can come. */
  ready(): Promise<void> {
    return this.channel.ready();
  }

  /** How often what has happened: `calls` executed, calls refused by reason, `forged` and `replayed` messages. For metrics. */
  get counts(): ReadonlyMap<string, number> {
    return this.counted;
  }

  /**
   * Take no more: whatever has not begun is refused as `draining`, what runs is finished and answered, then, when callers have stopped
   * coming, the queue goes. From the moment of the call nothing begins any more, whatever is delivered and however often the connection
   * comes back. Say in the directory before this that the process drains.
   *
   * @param graceMs what runs longer than this is not waited for; its callers find out by themselves
   */
  async drain(graceMs: number): Promise<void> {
    this.isDraining = true;
    for (const { call, replyTo } of this.work.clear()) this.refuse(replyTo, call.id, 'draining');
    await Promise.all([this.work.idle(graceMs), this.quiet(graceMs)]);
    this.flush();
    const { current } = this.channel;
    if (current) await atMost(FAREWELL_MS, this.removeQueue(current));
    this.flush();
    await this.channel.close();
  }

  /**
   * Wait until nobody comes any more. What reaches a queue in the very moment in which it is deleted is neither delivered nor returned
   * (RabbitMQ routes first and hands over then); its caller could not say that it was not executed.
   */
  private async quiet(graceMs: number): Promise<void> {
    const started = performance.now();
    for (let left = QUIET_MS; left > 0; left = Math.max(this.lastCall, started) + QUIET_MS - performance.now()) {
      const rest = started + graceMs - performance.now();
      if (rest <= 0) return;
      await pause(Math.min(left, rest));
    }
  }

  /** Later calls are returned to their callers; those on their way here are still delivered and refused. */
  private async removeQueue(channel: Channel): Promise<void> {
    await channel.deleteQueue(this.queueName, { ifEmpty: true });
    // The broker confirms that before it sends what it had for us by then; another question is answered after it.
    await channel.prefetch(1);
  }

  private async consume(channel: Channel): Promise<void> {
    if (this.isDraining) throw new Error('draining');
    const { prefetch = 256 } = this.options;
    await channel.prefetch(prefetch);
    const queue = this.queueName;
    try {
      await channel.assertQueue(queue, { exclusive: true });
    } catch (error) {
      // Still held by a connection that is lost to us and that the broker has not missed yet.
      this.queueName = `banyan.calls.${this.options.instanceId}.${randomBytes(4).toString('hex')}`;
      throw error;
    }
    const acknowledge = inBulk(Math.ceil(prefetch / 4), (last: ConsumeMessage) => {
      if (this.channel.current === channel) channel.ack(last, true);
    });
    await channel.consume(queue, (message) => {
      // Cancelled by the server: the queue was deleted or its node is gone. Draining deletes it, and still has to say goodbye.
      if (!message) return this.isDraining ? undefined : this.channel.reopen();
      acknowledge(message);
      this.receive(queue, message);
    });
    this.options.onQueue?.(queue);
  }

  private receive(queue: string, { content, properties }: ConsumeMessage): void {
    if (properties.type === 'probe') return;
    this.lastCall = performance.now();
    const replyTo = String(properties.replyTo);
    const batch = unseal(this.key, { audience: queue, sender: replyTo }, content) as CallBatch | undefined;
    if (!batch) {
      this.count('forged');
      this.options.log.warn({ sender: replyTo, bytes: content.length }, 'refused calls that no process of ours has signed for this one');
      return;
    }
    if (batch.n <= (this.lastNumbers.get(replyTo) ?? 0)) return this.count('replayed');
    this.lastNumbers.set(replyTo, batch.n);
    // One that is no call fails alone; without an id there is nobody to tell.
    for (const call of batch.calls) if (typeof call?.id === 'number') this.accept(batch.v, call, replyTo);
    afterConsequences(this.flush);
  }

  private readonly flush = () => {
    for (const batch of this.answers.values()) batch.flush();
  };

  private accept(version: number, call: CallEnvelope | AbortEnvelope, replyTo: string): void {
    if (version > VERSION) return this.refuse(replyTo, call.id, 'incompatible');
    if ('abort' in call) {
      this.work.remove((waiting) => waiting.replyTo === replyTo && waiting.call.id === call.id);
      return;
    }
    if (this.isDraining) return this.refuse(replyTo, call.id, 'draining');
    if (!isWellFormed(call)) return this.refuse(replyTo, call.id, 'malformed');
    if (!this.options.server.has(call.operation)) return this.refuse(replyTo, call.id, 'unknown_operation');
    if (!this.work.add({ call, replyTo })) this.refuse(replyTo, call.id, 'overloaded');
  }

  private async execute({ call, replyTo }: Call): Promise<void> {
    const { id, operation, input, actor, key, deadline, depth, trace, address, device, agent } = call;
    if (deadline <= Date.now()) return this.refuse(replyTo, id, 'expired');
    if (depth > MAX_DEPTH) return this.answer(replyTo, { id, error: toWire(CallTooDeep()) });
    this.count('calls');
    try {
      const output = await this.options.server.execute(operation, input, { actor, key, deadline, depth, trace, address, device, agent });
      this.answer(replyTo, { id, output });
    } catch (error) {
      if (error instanceof DomainError) return this.answer(replyTo, { id, error: toWire(error) });
      if (isNotServed(error)) return this.answer(replyTo, { id, executed: error.executed, reason: 'unavailable' });
      // Its text may quote a driver or an input: it is for the log of this process, described by class and place.
      this.options.log.error({ err: error, operation, trace_id: trace.traceId }, 'operation failed');
      this.answer(replyTo, { id, error: toWire(Internal()) });
    }
  }

  private refuse(replyTo: string, id: number, reason: Reason): void {
    this.count(reason);
    this.answer(replyTo, { id, executed: 'no', reason });
  }

  /** @throws TypeError for an output that is no JSON */
  private answer(replyTo: string, answer: AnswerEnvelope): void {
    const json = JSON.stringify(answer);
    let batch = this.answers.get(replyTo);
    if (!batch) this.answers.set(replyTo, (batch = new TurnBatch((items) => this.send(replyTo, items))));
    batch.add({ json });
  }

  private send(replyTo: string, answers: readonly Encoded[]): void {
    this.answers.delete(replyTo); // callers come and go; a batch lives for one turn
    const body = `{"v":${VERSION},"answers":[${answers.map(({ json }) => json).join(',')}]}`;
    const content = seal(this.key, { audience: replyTo, sender: this.queueName }, body);
    // Without a channel there is nobody to tell: the callers have noticed the loss of the queue.
    this.channel.current?.publish('', replyTo, content, { replyTo: this.queueName });
  }

  private count(what: string): void {
    this.counted.set(what, (this.counted.get(what) ?? 0) + 1);
  }
}

/** Hand on the latest item when there are `count` of them, or some time after the first. */
function inBulk<T>(count: number, act: (latest: T) => void): (item: T) => void {
  let latest: T;
  let size = 0;
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    size = 0;
    act(latest);
  };
  return (item) => {
    latest = item;
    if (++size >= count) return flush();
    timer ??= setTimeout(flush, BULK_MS).unref();
  };
}

/** Signed by one of ours, and yet a later build may have changed its mind about what a call is. */
function isWellFormed({ operation, actor, key, deadline, depth, trace }: CallEnvelope): boolean {
  return (
    typeof operation === 'string' &&
    typeof actor?.kind === 'string' &&
    typeof key === 'string' &&
    typeof deadline === 'number' &&
    typeof depth === 'number' &&
    typeof trace?.traceId === 'string'
  );
}

function toWire({ code, status, detail, extra, retryAfterSeconds }: DomainError): WireError {
  return { code, status, detail, extra, retryAfterSeconds };
}
