import type { Database } from '../database/database';
import { InProcessTransport } from './in-process.transport';
import { Outbox } from './outbox';
import { Publisher, type PublisherOptions } from './publisher';
import { Redeliverer } from './redeliverer';
import { Redeliveries, type RetryOptions } from './redeliveries';
import { Runner, type RunnerOptions } from './runner';
import type { Subscription } from './subscriptions';

export interface LocalEventsOptions extends RunnerOptions, RetryOptions, PublisherOptions {}

/**
 * Events without a broker: for each domain with a database, a publisher that hands its events to the subscribers in this process,
 * and a redeliverer for those that failed.
 */
export class LocalEvents {
  private readonly parts: { start(): void; stop(): Promise<void> }[] = [];

  constructor(databases: ReadonlyMap<string, Database>, subscriptions: readonly Subscription[], options: LocalEventsOptions = {}) {
    const runner = new Runner(subscriptions, options);
    const redeliveries = new Map([...databases].map(([domain, database]) => [domain, new Redeliveries(database, options)]));
    for (const [domain, database] of databases) {
      const own = redeliveries.get(domain) as Redeliveries;
      const transport = new InProcessTransport(runner, (subscription) => redeliveries.get(subscription.domain ?? '') ?? own);
      this.parts.push(new Publisher(database, new Outbox(database), transport, options), new Redeliverer(database, own, runner, options));
    }
  }

  start(): void {
    for (const part of this.parts) part.start();
  }

  /** Finishes what is under way; the rest waits in the tables. */
  async stop(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.stop()));
  }
}
