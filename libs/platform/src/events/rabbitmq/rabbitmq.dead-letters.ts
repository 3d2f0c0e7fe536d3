import { setTimeout as sleep } from 'node:timers/promises';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Channel, GetMessage } from 'amqplib';
import type { DeadLetter, DeadLetterBox } from '../dead-letters';
import { BrokerUnavailable, openChannel, within } from './broker-unavailable';
import { deadHeaders, Redelivery, type Undelivered, undeliveredIn } from './redelivery';
import type { Topology } from './topology';

/** How the broker notes that it moved a message by itself. */
interface Death {
  readonly queue: string;
  readonly reason: string;
  readonly count: number;
  readonly time?: { readonly value?: number };
}

interface Held {
  readonly event: Undelivered;
  readonly letter: DeadLetter;
}

/**
 * The dead letters of all subscriptions, in their queue in the broker. One at a time looks at them, in all processes: while one holds
 * the letters in his hand, another would not see them.
 */
export class RabbitmqDeadLetters implements DeadLetterBox {
  private readonly redelivery: Redelivery;

  constructor(
    private readonly connection: AmqpConnection,
    private readonly topology: Topology,
    /** For each answer of the broker, and for another's turn. */
    private readonly timeoutMs = 10_000,
  ) {
    this.redelivery = new Redelivery(connection, topology, timeoutMs);
  }

  /** The oldest first. Nothing is changed. @param domain only of its subscriptions @throws BrokerUnavailable */
  list(limit = 100, domain?: string): Promise<DeadLetter[]> {
    return this.alone(async (_channel, next) => {
      const letters: DeadLetter[] = [];
      for (let message = await next(); message !== undefined; message = await next()) {
        letters.push(...this.read(message, domain).map(({ letter }) => letter));
        if (letters.length >= limit) break;
      }
      return letters.sort((a, b) => (a.failed_at < b.failed_at ? -1 : 1)).slice(0, limit);
    });
  }

  /**
   * A letter leaves the queue when its subscription's has it. A crash in between replays it twice.
   *
   * @param domain only of its subscriptions
   * @throws BrokerUnavailable: then some may have been replayed
   */
  replay(eventId: string | 'all', domain?: string): Promise<number> {
    return this.alone(async (channel, next, ack) => {
      let replayed = 0;
      // Those that are there now: one that fails again at once must not go round and round.
      const { messageCount } = await within(this.timeoutMs, channel.checkQueue(this.topology.deadQueue));
      for (let seen = 0; seen < messageCount; seen++) {
        const message = await next();
        if (message === undefined) break;
        const held = this.read(message, domain);
        const isChosen = ({ event }: Held) => eventId === 'all' || event.id === eventId;
        if (!held.some(isChosen)) continue;
        for (const { event } of held.filter(isChosen)) await this.redelivery.now({ ...event, attempts: 0 });
        for (const { event, letter } of held.filter((one) => !isChosen(one)))
          await this.redelivery.dead({ ...event, attempts: letter.attempts }, letter.error, letter.failed_at);
        ack(message);
        replayed += held.filter(isChosen).length;
      }
      return replayed;
    });
  }

  close(): void {
    this.redelivery.close();
  }

  /** On a channel of its own, whose end gives back what was not acknowledged. */
  private async alone<T>(
    work: (channel: Channel, next: () => Promise<GetMessage | undefined>, ack: (message: GetMessage) => void) => Promise<T>,
  ): Promise<T> {
    const channel = await this.takeTurn();
    let held = 0;
    const next = async () => {
      const message = (await within(this.timeoutMs, channel.get(this.topology.deadQueue))) || undefined;
      if (message) held++;
      return message;
    };
    const ack = (message: GetMessage) => {
      channel.ack(message);
      held--;
    };
    try {
      const result = await work(channel, next, ack);
      if (held > 0) await this.giveBack(channel, held);
      return result;
    } finally {
      await within(this.timeoutMs, channel.close()).catch(() => undefined);
    }
  }

  /** Waits for the connection, which may just be made, and for whoever is reading. */
  private async takeTurn(): Promise<Channel> {
    const until = performance.now() + this.timeoutMs;
    for (;;) {
      const channel = await this.tryTurn();
      if (channel !== undefined) return channel;
      if (performance.now() > until) throw new BrokerUnavailable('there is no connection, or someone else reads the dead letters');
      await sleep(50);
    }
  }

  /** The exclusive consumer of the empty queue has the turn. The broker says no to others by closing their channel. */
  private async tryTurn(): Promise<Channel | undefined> {
    if (!this.connection.managedConnection.isConnected()) return undefined;
    const channel = await openChannel(this.connection, this.timeoutMs);
    try {
      await within(this.timeoutMs, this.topology.declare(channel));
      await within(
        this.timeoutMs,
        channel.consume(this.topology.deadLock, () => undefined, { exclusive: true }),
      );
      return channel;
    } catch (error) {
      if ((error as { code?: unknown }).code === accessRefused) return undefined;
      void Promise.resolve()
        .then(() => channel.close())
        .catch(() => undefined);
      throw new BrokerUnavailable('the dead letters cannot be read', { cause: error });
    }
  }

  /** The turn may end before the queue has them back, and whoever is next would find it empty. */
  private async giveBack(channel: Channel, held: number): Promise<void> {
    const until = performance.now() + this.timeoutMs;
    channel.nackAll(true);
    while ((await within(this.timeoutMs, channel.checkQueue(this.topology.deadQueue))).messageCount < held) {
      if (performance.now() > until) return;
      await sleep(10);
    }
  }

  /** A letter for each event: the broker hands on a message as it came, and several may have come together. */
  private read(message: GetMessage, domain: string | undefined): Held[] {
    const headers = (message.properties.headers ?? {}) as Record<string, unknown>;
    const text = (name: string) => (typeof headers[name] === 'string' ? headers[name] : undefined);
    const count = headers[deadHeaders.attempts];
    const death = (headers['x-death'] as Death[] | undefined)?.[0];
    const error = text(deadHeaders.error) ?? (death?.reason === 'delivery_limit' ? 'DeliveryLimit' : 'NoQueue');
    const failed_at = text(deadHeaders.failedAt) ?? new Date((death?.time?.value ?? 0) * 1_000).toISOString();
    const subscription = text(deadHeaders.subscription) ?? this.ownerOf(message, death);
    if (domain !== undefined && !subscription.startsWith(`${domain}.`)) return [];
    return undeliveredIn(message, subscription).map((event) => {
      const attempts = typeof count === 'number' ? count : event.attempts;
      return { event, letter: { subscription, event_id: event.id, event_name: event.name, attempts, error, failed_at } };
    });
  }

  /** A letter that the broker made: from the subscription's queue, or on its way to one that did not exist. */
  private ownerOf({ fields }: GetMessage, death: Death | undefined): string {
    return death?.reason === 'delivery_limit' ? this.topology.subscriptionOf(death.queue) : fields.routingKey;
  }
}

const accessRefused = 403;
