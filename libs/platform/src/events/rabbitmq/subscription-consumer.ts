import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Channel, ConsumeMessage } from 'amqplib';
import { errorName } from '../redeliveries';
import type { Runner } from '../runner';
import type { Delivered } from '../stored-event';
import type { Subscription } from '../subscriptions';
import { openChannel, reasonOf, within } from './broker-unavailable';
import { KeyedLanes } from './keyed-lanes';
import { deliveredOf, NotAnEvent } from './message';
import { type Redelivery, undeliveredMessage } from './redelivery';
import type { Topology } from './topology';

export interface ConsumerOptions {
  /** Events handed to this process and not yet acknowledged, per subscription; so many handlers run at a time. */
  readonly prefetch?: number;
  /** Including the first; then the event is dead. */
  readonly maxAttempts?: number;
  /** Between attempts to consume or to pass on a failure, and between looks for another consumer before leaving. */
  readonly consumeRetryMs?: number;
  readonly brokerTimeoutMs?: number;
}

/** More than a single queue is given, which the log then names. */
const declareTimeoutMs = 15_000;

interface Parts {
  readonly connection: AmqpConnection;
  readonly topology: Topology;
  readonly runner: Runner;
  readonly redelivery: Redelivery;
}

/**
 * Consumes the queue of one subscription on a channel of its own while it is active. A message is acknowledged after its effect, or
 * after the broker has confirmed the copy that waits for the next attempt: a process that dies in between costs a repeat, and nothing
 * is ever put back because a handler failed.
 *
 * Whether it consumes is decided by one loop and nowhere else, so no reconnect brings back what was stopped.
 */
export class SubscriptionConsumer {
  private readonly logger = new Logger('events:rabbitmq');
  private readonly lanes = new KeyedLanes();
  private readonly maxAttempts: number;
  private readonly retryMs: number;
  private readonly timeoutMs: number;
  private isActive = true;
  private isStopping = false;
  /** As it was logged: once, however often it is met. */
  private trouble: string | undefined;
  private running: Promise<void> | undefined;
  private alarm = new AbortController();

  constructor(
    private readonly subscription: Subscription,
    private readonly parts: Parts,
    private readonly options: ConsumerOptions = {},
  ) {
    this.maxAttempts = options.maxAttempts ?? 12;
    this.retryMs = options.consumeRetryMs ?? 1_000;
    this.timeoutMs = options.brokerTimeoutMs ?? 5_000;
  }

  start(): void {
    this.running ??= this.run();
  }

  /**
   * Inactive: it goes on until the queue has another consumer, then finishes what is under way. Processes hear of a change of routes in
   * any order; whoever is to consume has begun before the last one leaves.
   */
  setActive(isActive: boolean): void {
    if (this.isActive === isActive) return;
    this.isActive = isActive;
    this.wake();
  }

  /** Takes nothing more, and returns when the handlers under way have ended and were acknowledged. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.wake();
    await this.running;
    await this.lanes.empty();
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      try {
        if (this.isActive) await this.consume();
      } catch (error) {
        const trouble = reasonOf(error);
        if (trouble !== this.trouble) this.logger.warn(`${this.subscription.name} cannot consume: ${trouble}`);
        this.trouble = trouble;
      }
      // What woke it up to here (the end of a channel, too) is seen; it must not cut short the pause that keeps this from spinning.
      if (this.isStopping) return;
      this.alarm = new AbortController();
      await this.pause(this.isActive ? this.retryMs : undefined);
    }
  }

  /** Until it is to leave or the channel ends. */
  private async consume(): Promise<void> {
    const channel = await openChannel(this.parts.connection, this.timeoutMs);
    const session = new Session(channel, () => this.wake());
    try {
      await within(declareTimeoutMs, this.parts.topology.declareQueue(channel, this.subscription));
      await within(this.timeoutMs, channel.prefetch(this.options.prefetch ?? 32));
      const queue = this.parts.topology.queueOf(this.subscription.name);
      const receive = (message: ConsumeMessage | null) => (message === null ? session.end() : this.receive(session, message));
      const { consumerTag } = await within(this.timeoutMs, channel.consume(queue, receive));
      this.trouble = undefined;
      await this.untilLeaving(session, queue);
      session.isLeaving = true;
      if (!session.hasEnded) await within(this.timeoutMs, channel.cancel(consumerTag));
      if (!session.hasEnded) await this.lanes.empty();
    } finally {
      await within(this.timeoutMs, session.close()).catch(() => undefined);
    }
  }

  private async untilLeaving(session: Session, queue: string): Promise<void> {
    while (!session.hasEnded && !this.isStopping) {
      if (!this.isActive) {
        const { consumerCount } = await within(this.timeoutMs, session.channel.checkQueue(queue));
        if (consumerCount > 1) return;
      }
      await this.pause(this.isActive ? undefined : this.retryMs);
    }
  }

  private receive(session: Session, message: ConsumeMessage): void {
    let delivered: Delivered;
    try {
      delivered = deliveredOf(message, this.subscription.name);
    } catch (error) {
      return this.lanes.run(null, () => this.fail(session, message, error));
    }
    this.lanes.run(delivered.key, () => this.handle(session, message, delivered));
  }

  private async handle(session: Session, message: ConsumeMessage, delivered: Delivered): Promise<void> {
    // Not begun yet: the queue gives it to another consumer when the channel closes.
    if (this.isStopping || session.isLeaving || session.hasEnded) return;
    try {
      await this.parts.runner.run(delivered);
    } catch (error) {
      return this.fail(session, message, error);
    }
    session.acknowledge(message);
  }

  /** Holds on to the message until the broker has its copy: giving it back would bring it again at once, and for ever. */
  private async fail(session: Session, message: ConsumeMessage, error: unknown): Promise<void> {
    const event = undeliveredMessage(message, this.subscription.name);
    const isDead = event.attempts >= this.maxAttempts || error instanceof NotAnEvent;
    while (!session.hasEnded) {
      try {
        await (isDead ? this.parts.redelivery.dead(event, errorName(error)) : this.parts.redelivery.later(event));
      } catch {
        if (this.isStopping) return;
        await sleep(this.retryMs);
        continue;
      }
      if (isDead) this.logger.warn(`${event.subscription} gives up after ${event.attempts} attempts: ${errorName(error)}`);
      return session.acknowledge(message);
    }
  }

  private wake(): void {
    this.alarm.abort();
  }

  private async pause(ms: number | undefined): Promise<void> {
    const { signal } = this.alarm;
    if (!signal.aborted) {
      if (ms !== undefined) await sleep(ms, undefined, { signal }).catch(() => undefined);
      else await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    }
    this.alarm = new AbortController();
  }
}

/** One channel's life. */
class Session {
  hasEnded = false;
  /** Its consumer is being cancelled: what has not begun is left to others. */
  isLeaving = false;

  constructor(
    readonly channel: Channel,
    private readonly onEnd: () => void,
  ) {
    channel.once('close', () => this.end());
  }

  /** The channel was closed, or the broker has cancelled the consumer because the queue is gone. */
  end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.onEnd();
  }

  acknowledge(message: ConsumeMessage): void {
    if (this.hasEnded) return;
    try {
      this.channel.ack(message);
    } catch {
      this.end(); // closed just now: it comes again
    }
  }

  /** What was not acknowledged goes to other consumers. */
  async close(): Promise<void> {
    this.end();
    await this.channel.close();
  }
}
