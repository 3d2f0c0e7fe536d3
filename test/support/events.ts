import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { z } from 'zod';
import type { Database } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { event } from '@banyan/platform/contract';
import type { AmqpEventsOptions } from '@banyan/platform/events/rabbitmq/amqp-events';
import { Inbox } from '@banyan/platform/events/inbox';
import type { Delivered } from '@banyan/platform/events/stored-event';
import type { Subscription } from '@banyan/platform/events/subscriptions';

export const happened = event('thing.happened', z.object({ n: z.number() }));

/** A lease that no stall of the machine can cost, and no waiting that a test would have to sit through. */
export const fast = {
  tickMs: 20,
  leaseMs: 600_000,
  delaysMs: [20, 60],
  consumeRetryMs: 20,
  redeclareMs: 1_000,
  confirmTimeoutMs: 5_000,
} satisfies AmqpEventsOptions;

export type Handler = (delivered: Delivered<typeof happened>) => Promise<unknown>;

export const subscription = (name: string, handle: Handler, domain: string | undefined = 'consumer'): Subscription => ({
  name: `${domain ?? 'Loose'}.${name}`,
  domain,
  event: happened,
  handle: handle as Subscription['handle'],
});

export const effectsTable = 'CREATE TABLE effects (subscription text, n int, at int GENERATED ALWAYS AS IDENTITY)';

/** Its effect, a row in `effects`, is made once per event. */
export const recording = (database: Database, name = 'record'): Subscription =>
  subscription(name, (delivered) =>
    new Inbox(database).once(delivered, (tx) =>
      tx.query(sql`INSERT INTO effects (subscription, n) VALUES (${delivered.subscription}, ${delivered.data.n})`),
    ),
  );

/** As a process has one; looks for a lost broker often. */
export async function connectBroker(url: string): Promise<AmqpConnection> {
  const quiet = { log: () => undefined, error: () => undefined, warn: () => undefined, debug: () => undefined };
  const connection = new AmqpConnection({
    uri: url,
    registerHandlers: false,
    enableDirectReplyTo: false,
    logger: quiet as never,
    connectionInitOptions: { wait: false },
    connectionManagerOptions: {
      heartbeatIntervalInSeconds: 2,
      reconnectTimeInSeconds: 0.1,
      connectionOptions: { noDelay: true, timeout: 2_000 },
    },
  });
  await connection.init();
  return connection;
}

/** The library's own `close` never returns while it waits to connect again. */
export async function disconnectBroker(connection: AmqpConnection): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => (timer = setTimeout(resolve, 2_000)));
  await Promise.race([connection.managedConnection.close(), tooLong]);
  clearTimeout(timer);
}

/** Returns when it is so; a test that waits in vain is ended by the runner. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10));
}

export const range = (count: number, from = 0) => Array.from({ length: count }, (_, n) => from + n);
