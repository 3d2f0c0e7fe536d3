import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Channel, ConsumeMessage } from 'amqplib';
import { Turns } from '../../dispatch/turns';
import { errorName } from '../redeliveries';
import type { Runner } from '../runner';
import type { Delivered } from '../stored-event';
import type { Subscription } from '../subscriptions';
import { openChannel, reasonOf, within } from './broker-unavailable';
import { KeyedLanes } from './keyed-lanes';
import { deliveredOf, NotAnEvent } from './message';
import { type Redelivery, type Undelivered, undeliveredEvent, undeliveredMessage } from './redelivery';
import type { Topology } from './topology';

export interface ConsumerOptions {
  /** Messages handed to this process and not yet acknowledged, per subscription; so many handlers run at a time. */
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
  private readonly prefetch: number;
  private readonly turns: Turns;
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
    options: ConsumerOptions = {},
  ) {
    this.prefetch = options.prefetch ?? 32;
    this.turns = new Turns(this.prefetch);
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
      await within(this.timeoutMs, channel.prefetch(this.prefetch));
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
    let events: Delivered[];
    try {
      events = deliveredOf(message, this.subscription.name);
    } catch (error) {
      const event = undeliveredMessage(message, this.subscription.name);
      return this.handleAll(session, message, [{ key: null, work: () => this.fail(session, event, error) }]);
    }
    const isAlone = events.length === 1;
    // If one of them ends its process whenever it is handled, the others must not die with it.
    const work =
      message.fields.redelivered && !isAlone
        ? (event: Delivered) => this.passOn(session, event)
        : (event: Delivered) => this.handle(session, event, isAlone ? message.content : undefined);
    this.handleAll(
      session,
      message,
      events.filter((event) => this.parts.runner.isNeeded(event)).map((event) => ({ key: event.key, work: () => work(event) })),
    );
  }

  /** The message is acknowledged with the last of its events, if all were dealt with; those that were not come again with the others. */
  private handleAll(
    session: Session,
    message: ConsumeMessage,
    parts: readonly { readonly key: string | null; readonly work: () => Promise<boolean> }[],
  ): void {
    if (parts.length === 0) return session.acknowledge(message);
    let left = parts.length;
    let isDone = true;
    for (const { key, work } of parts) {
      this.lanes.run(key, async () => {
        isDone = (await this.turns.take(work)) && isDone;
        if (--left === 0 && isDone) session.acknowledge(message);
      });
    }
  }

  /** @param content as it came, if it came alone @returns whether it is dealt with */
  private async handle(session: Session, delivered: Delivered, content: Buffer | undefined): Promise<boolean> {
    // Not begun yet: another consumer gets it, from the queue when the channel closes, or without those that have begun with it.
    if (this.isStopping || session.isLeaving || session.hasEnded) return content ? false : this.passOn(session, delivered);
    try {
      await this.parts.runner.run(delivered);
      return true;
    } catch (error) {
      const event = undeliveredEvent(delivered, this.subscription.name, delivered.attempt);
      return this.fail(session, content ? { ...event, content } : event, error);
    }
  }

  /** Holds on to the message until the broker has its copy: giving it back would bring it again at once, and for ever. */
  private async fail(session: Session, event: Undelivered, error: unknown): Promise<boolean> {
    const isDead = event.attempts >= this.maxAttempts || error instanceof NotAnEvent;
    const isKept = await this.keep(session, () =>
      isDead ? this.parts.redelivery.dead(event, errorName(error)) : this.parts.redelivery.later(event),
    );
    if (isKept && isDead) this.logger.warn(`${event.subscription} gives up after ${event.attempts} attempts: ${errorName(error)}`);
    return isKept;
  }

  /** As a message of its own, at once. */
  private passOn(session: Session, delivered: Delivered): Promise<boolean> {
    const event = undeliveredEvent(delivered, this.subscription.name, delivered.attempt - 1);
    return this.keep(session, () => this.parts.redelivery.now(event));
  }

  private async keep(session: Session, put: () => Promise<void>): Promise<boolean> {
    while (!session.hasEnded) {
      try {
        await put();
        return true;
      } catch {
        if (this.isStopping) return false;
        await sleep(this.retryMs);
      }
    }
    return false;
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
