import type { Channel } from 'amqplib';
import { within } from './broker-unavailable';

/** What must be known of a subscription to keep events for it, whether or not this process has its handler. */
export interface SubscriptionName {
  /** `<domain>.<method>`. */
  readonly name: string;
  readonly event: { readonly name: string };
}

export interface TopologyOptions {
  /** Of all names in the broker. */
  readonly prefix?: string;
  /** Before the second attempt, the third, …; the last one for all further attempts. */
  readonly delaysMs?: readonly number[];
}

/** Deliveries of one message that ended without an answer, because the process died or was cut off; then it counts as dead. */
const deliveryLimit = 20;
/** RabbitMQ 4 gives every quorum queue a limit, after which it drops; looking at a dead letter must never be its end. */
const unlimited = 1_000_000_000;
const queueTimeoutMs = 10_000;

/**
 * The exchanges and queues that events go through, all durable:
 *
 *     banyan.events (topic, key = event) ─► banyan.events.<subscription> ◄─ banyan.events.retry (direct, key = subscription)
 *                                              │ failed                            ▲ after the delay
 *                                              ├──► banyan.events.delay.<ms> ──────┘
 *                                              └──► banyan.events.dead, after the last attempt
 *
 * Quorum queues hand on to one another at least once: a message leaves the first when the second has confirmed it. What comes back
 * from a delay and finds no queue of its subscription goes to the dead letters.
 */
export class Topology {
  readonly exchange: string;
  /** Brings a message to one subscription. */
  readonly retryExchange: string;
  readonly deadExchange: string;
  readonly deadQueue: string;
  /** Holds nothing; its exclusive consumer is the one who may look at the dead letters. */
  readonly deadLock: string;
  private readonly prefix: string;
  private readonly delaysMs: readonly number[];

  constructor(
    private readonly subscriptions: readonly SubscriptionName[],
    { prefix = 'banyan.events', delaysMs = [1_000, 5_000, 30_000, 120_000, 600_000] }: TopologyOptions = {},
  ) {
    this.prefix = prefix;
    this.delaysMs = delaysMs;
    this.exchange = prefix;
    this.retryExchange = `${prefix}.retry`;
    this.deadExchange = this.deadQueue = `${prefix}.dead`;
    this.deadLock = `${prefix}.dead.lock`;
  }

  queueOf(subscription: string): string {
    return `${this.prefix}.${subscription}`;
  }

  /**
   * An exchange that nothing goes through: while it exists, the broker has what this source has published. Not a queue with a message in
   * it, because a quorum queue counts none for a while after a restart.
   */
  markOf(source: string): string {
    return `${this.prefix}.from.${source}`;
  }

  /** Of one of our queues, also of one whose subscription is not known here. */
  subscriptionOf(queue: string): string {
    return queue.slice(this.prefix.length + 1);
  }

  /** Where an event waits that has failed so many times. */
  delayAfter(attempts: number): string {
    return this.delayQueue(this.delaysMs[Math.min(attempts, this.delaysMs.length) - 1] ?? 0);
  }

  /** An event that nobody can take is not lost only if nobody wants it. */
  isWanted(eventName: string): boolean {
    return this.subscriptions.some(({ event }) => event.name === eventName);
  }

  /**
   * All of it, for those who publish. Harmless to repeat, by any number of processes at once; the broker closes the channel if a queue
   * exists with other arguments.
   */
  async declare(channel: Channel): Promise<void> {
    await this.declareExchanges(channel);
    await channel.assertQueue(this.deadLock, { durable: true });
    for (const delayMs of this.delaysMs) {
      const delay = this.delayQueue(delayMs);
      await channel.assertExchange(delay, 'fanout', { durable: true });
      await assertQuorumQueue(channel, delay, { ...handingOnTo(this.retryExchange), 'x-message-ttl': delayMs });
      await channel.bindQueue(delay, delay, '');
    }
    for (const subscription of this.subscriptions) await this.assertQueue(channel, subscription);
  }

  /** For those who consume this one. */
  async declareQueue(channel: Channel, subscription: SubscriptionName): Promise<void> {
    await this.declareExchanges(channel);
    await this.assertQueue(channel, subscription);
  }

  /** With the dead letters: any queue may have to hand one on. */
  private async declareExchanges(channel: Channel): Promise<void> {
    await channel.assertExchange(this.exchange, 'topic', { durable: true });
    await channel.assertExchange(this.deadExchange, 'fanout', { durable: true });
    await channel.assertExchange(this.retryExchange, 'direct', { durable: true, alternateExchange: this.deadExchange });
    await assertQuorumQueue(channel, this.deadQueue, { 'x-delivery-limit': unlimited });
    await channel.bindQueue(this.deadQueue, this.deadExchange, '');
  }

  private async assertQueue(channel: Channel, { name, event }: SubscriptionName): Promise<void> {
    const queue = this.queueOf(name);
    await assertQuorumQueue(channel, queue, { ...handingOnTo(this.deadExchange), 'x-delivery-limit': deliveryLimit });
    await channel.bindQueue(queue, this.retryExchange, name);
    await channel.bindQueue(queue, this.exchange, event.name);
  }

  private delayQueue(delayMs: number): string {
    return `${this.prefix}.delay.${delayMs}`;
  }
}

/** A queue whose leader is lost does not answer, though its broker does: the log must name it. */
async function assertQuorumQueue(channel: Channel, queue: string, more: Record<string, unknown>) {
  const asserting = channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum', ...more } });
  return within(queueTimeoutMs, asserting, `the queue ${queue}`);
}

/** RabbitMQ wants `reject-publish` with `at-least-once`, though a queue without a length limit never overflows. */
function handingOnTo(exchange: string) {
  return { 'x-dead-letter-exchange': exchange, 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };
}
