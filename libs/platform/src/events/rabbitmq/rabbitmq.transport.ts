import { Logger } from '@nestjs/common';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { ConfirmChannel } from 'amqplib';
import type { StoredEvent, Transport } from '../stored-event';
import { BrokerUnavailable, openChannel, reasonOf, within } from './broker-unavailable';
import { ConfirmedChannel, type OpenChannel } from './confirmed-channel';
import { type Pack, packed, propertiesOf } from './message';
import type { Topology } from './topology';

export interface RabbitmqTransportOptions {
  /** Events on their way whose confirm has not come yet. */
  readonly maxUnconfirmed?: number;
  /** What is not confirmed after this long counts as not taken; it may come to its subscribers all the same, and then once more. */
  readonly confirmTimeoutMs?: number;
  /** Queues are declared again after this long: someone may have deleted one. */
  readonly redeclareMs?: number;
}

/** Whose events it publishes, and what to do when the broker has lost those it has confirmed. */
export interface Source {
  readonly name: string;
  /** Puts them back into the outbox. */
  restore(): Promise<number>;
}

type Fate = 'taken' | 'unconfirmed' | 'homeless';

const notFound = 404;

/**
 * Publishes to the exchange. An event is handed over when the broker has confirmed it and those of its key before it; one that comes
 * back as unroutable is, too, unless a subscription wants it and its queue is lost.
 *
 * A mark in the broker tells whether it is the one that has confirmed the events before: one that was replaced, or wiped, has no mark,
 * and gets again what it may have lost.
 */
export class RabbitmqTransport implements Transport {
  /** A later event would overtake those of its key that the broker did not take. */
  readonly mustTakeInOrder = true;
  private readonly logger = new Logger('events:rabbitmq');
  private readonly channel: ConfirmedChannel;
  private readonly maxUnconfirmed: number;
  private readonly confirmTimeoutMs: number;
  private readonly redeclareMs: number;
  private declaredAt = 0;
  /** As it was logged: once, however often it is met. */
  private trouble: string | undefined;
  private hasLostQueues = false;

  constructor(
    private readonly connection: AmqpConnection,
    private readonly topology: Topology,
    private readonly source: Source,
    { maxUnconfirmed = 500, confirmTimeoutMs = 5_000, redeclareMs = 30_000 }: RabbitmqTransportOptions = {},
  ) {
    this.maxUnconfirmed = maxUnconfirmed;
    this.redeclareMs = redeclareMs;
    this.confirmTimeoutMs = confirmTimeoutMs;
    this.channel = new ConfirmedChannel(connection, (channel) => this.setUp(channel), confirmTimeoutMs);
  }

  /** Only here a channel is opened, and so only here events come back to the outbox: before any later one is read. */
  async prepare(): Promise<void> {
    if (performance.now() - this.declaredAt > this.redeclareMs) this.channel.renew();
    try {
      await this.channel.open();
    } catch (error) {
      if (!(error instanceof BrokerUnavailable)) throw error;
      return this.sayAway(error);
    }
    if (this.trouble !== undefined) this.logger.log('The broker takes events.');
    this.trouble = undefined;
  }

  async deliver(batch: readonly StoredEvent[]): Promise<readonly StoredEvent[]> {
    const channel = this.channel.usable;
    const taken: StoredEvent[] = [];
    for (let from = 0; channel !== undefined && from < batch.length; from += this.maxUnconfirmed) {
      const some = batch.slice(from, from + this.maxUnconfirmed);
      const gone = await this.publish(channel, some);
      taken.push(...gone);
      if (gone.length < some.length) break;
    }
    return taken;
  }

  close(): void {
    this.channel.close();
  }

  private async setUp(channel: ConfirmChannel): Promise<void> {
    await this.topology.declare(channel);
    if (this.hasLostQueues || !(await this.isMarked())) {
      const restored = await this.source.restore();
      if (restored > 0)
        this.logger.warn(`The broker has lost its queues: the last ${restored} events of ${this.source.name} are published again.`);
      await channel.assertExchange(this.topology.markOf(this.source.name), 'fanout', { durable: true });
      this.hasLostQueues = false;
    }
    this.declaredAt = performance.now();
  }

  /** On a channel that the answer "no" closes. */
  private async isMarked(): Promise<boolean> {
    const channel = await openChannel(this.connection, this.confirmTimeoutMs);
    try {
      await within(this.confirmTimeoutMs, channel.checkExchange(this.topology.markOf(this.source.name)));
    } catch (error) {
      if ((error as { code?: unknown }).code === notFound) return false;
      throw error;
    }
    await channel.close();
    return true;
  }

  /** @returns those that were taken */
  private async publish(channel: OpenChannel, events: readonly StoredEvent[]): Promise<StoredEvent[]> {
    const fates = new Map<StoredEvent, Fate>();
    const publish = async (pack: Pack) => {
      const fate = await this.publishOne(channel, pack);
      for (const event of pack.events) fates.set(event, fate);
      return fate;
    };
    if ((await Promise.all(packed(events).map(publish))).includes('homeless')) {
      this.sayAway(new BrokerUnavailable('a queue is missing'));
      this.hasLostQueues = true;
      this.channel.renew();
    }
    const unsafeKeys = new Set<string>();
    return events.filter((event) => {
      const { key } = event;
      const isTaken = fates.get(event) === 'taken';
      if (key === null) return isTaken;
      if (!isTaken) unsafeKeys.add(key);
      return !unsafeKeys.has(key);
    });
  }

  private async publishOne(channel: OpenChannel, { events: [first], content }: Pack): Promise<Fate> {
    const event = first!;
    try {
      const routing = await channel.publish(this.topology.exchange, event.name, content, propertiesOf(event));
      return routing === 'routed' || !this.topology.isWanted(event.name) ? 'taken' : 'homeless';
    } catch (error) {
      this.sayAway(error);
      return 'unconfirmed';
    }
  }

  private sayAway(error: unknown): void {
    const trouble = reasonOf(error);
    if (trouble !== this.trouble) this.logger.warn(`Events wait in the outbox: ${trouble}`);
    this.trouble = trouble;
  }
}
