import type { Serve } from '@banyan/platform/config/routes';
import { asSystem } from '@banyan/platform/dispatch/context';
import { isAtHome, type Routes } from '@banyan/platform/dispatch/routes';
import { LocalEvents } from '@banyan/platform/events/local-events';
import { AmqpEvents } from '@banyan/platform/events/rabbitmq/amqp-events';
import type { RunnerOptions } from '@banyan/platform/events/runner';
import { discoverSubscriptions, knownSubscriptions } from '@banyan/platform/events/subscriptions';
import { parseTraceparent } from '@banyan/platform/telemetry/trace';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { CallerChanges } from './caller-changes';
import { domainTable } from './domains';
import type { Rabbit } from './rabbit';
import type { Storage } from './storage';

interface EventParts {
  readonly app: NestFastifyApplication;
  readonly storage: Storage;
  readonly rabbit: Rabbit | undefined;
  readonly routes: Routes;
  readonly serve: Serve;
}

/** Publish what the domains of this process announce, and hear what they listen to: through the broker, or without one in the process. */
export function startEvents({ app, storage, rabbit, routes, serve }: EventParts): { stop(): Promise<void> } {
  const scanner = app.get(MetadataScanner);
  const databases = new Map([...storage.databases.entries()].map(([domain, { database }]) => [domain, database]));
  const subscriptions = discoverSubscriptions(app.get(DiscoveryService), scanner);
  const around: RunnerOptions['around'] = ({ id, subscription, trace }, work) =>
    asSystem(subscription, { key: `${id}/${subscription}`, trace: parseTraceparent(trace ?? undefined) }, work);
  if (!rabbit) {
    const events = new LocalEvents(databases, subscriptions, { around });
    events.start();
    return events;
  }
  const modules = [...Object.values(domainTable).map(({ module }) => module), { module: CallerChanges, providers: [CallerChanges] }];
  const events = new AmqpEvents(rabbit.connection, databases, subscriptions, knownSubscriptions(modules, scanner), { around });
  const follow = () => events.setActive((domain) => !domain || !(domain in domainTable) || isAtHome(routes.weights(domain), serve));
  follow();
  events.start();
  const unfollow = routes.onChange(follow);
  return {
    stop: async () => {
      unfollow();
      await events.stop();
    },
  };
}
