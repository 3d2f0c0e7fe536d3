import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Database } from '../../database/database';
import { Outbox } from '../outbox';
import { Published } from '../published';
import { Publisher, type PublisherOptions } from '../publisher';
import { Runner, type RunnerOptions } from '../runner';
import type { Subscription } from '../subscriptions';
import { LeftBehind } from './left-behind';
import { RabbitmqTransport, type RabbitmqTransportOptions } from './rabbitmq.transport';
import { Redelivery } from './redelivery';
import { type ConsumerOptions, SubscriptionConsumer } from './subscription-consumer';
import { type SubscriptionName, Topology, type TopologyOptions } from './topology';

export interface AmqpEventsOptions extends RunnerOptions, PublisherOptions, TopologyOptions, RabbitmqTransportOptions, ConsumerOptions {
  /** How long a published event is kept for a broker that loses its data; 15 minutes by default. */
  readonly keepPublishedMs?: number;
}

/**
 * Events through RabbitMQ: for each domain with a database, a publisher to the broker; for each subscription of this process, a
 * consumer. What the in-process form has left in the databases, to be tried again or dead, is brought to the broker first.
 */
export class AmqpEvents {
  readonly topology: Topology;
  private readonly publishers: { start(): void; stop(): Promise<void> }[] = [];
  private readonly transports: RabbitmqTransport[] = [];
  private readonly consumers: readonly { domain: string | undefined; consumer: SubscriptionConsumer }[];
  private readonly redelivery: Redelivery;

  constructor(
    connection: AmqpConnection,
    databases: ReadonlyMap<string, Database>,
    /** Whose handlers are in this process. */
    subscriptions: readonly Subscription[],
    /** Of the whole program, see `knownSubscriptions`: their queues are declared before anything is published. */
    known: readonly SubscriptionName[],
    options: AmqpEventsOptions = {},
  ) {
    this.topology = new Topology(known, options);
    this.redelivery = new Redelivery(connection, this.topology, options.brokerTimeoutMs);
    for (const [name, database] of databases) {
      const published = new Published(database, options.keepPublishedMs);
      const transport = new RabbitmqTransport(connection, this.topology, { name, restore: () => published.restore() }, options);
      this.transports.push(transport);
      this.publishers.push(
        new Publisher(database, new Outbox(database), transport, options, published),
        new LeftBehind(database, this.redelivery, options),
      );
    }
    const runner = new Runner(subscriptions, options);
    const parts = { connection, topology: this.topology, runner, redelivery: this.redelivery };
    this.consumers = subscriptions.map((subscription) => ({
      domain: subscription.domain,
      consumer: new SubscriptionConsumer(subscription, parts, options),
    }));
  }

  start(): void {
    for (const publisher of this.publishers) publisher.start();
    for (const { consumer } of this.consumers) consumer.start();
  }

  /**
   * Which domains' copies in this process consume; all, until it is called. Call it with each change of the routes. A copy that is to
   * stop goes on until another consumes.
   *
   * @param isActive `undefined` is the subscribers that belong to no domain
   */
  setActive(isActive: (domain: string | undefined) => boolean): void {
    for (const { domain, consumer } of this.consumers) consumer.setActive(isActive(domain));
  }

  /** Takes nothing more and finishes what is under way; the rest waits in the outboxes and queues. Close the connection afterwards. */
  async stop(): Promise<void> {
    await Promise.all([...this.publishers.map((part) => part.stop()), ...this.consumers.map(({ consumer }) => consumer.stop())]);
    for (const transport of this.transports) transport.close();
    this.redelivery.close();
  }
}
