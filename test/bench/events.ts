/**
 * Events a second from the outbox to the handlers' effects: in the process, and through RabbitMQ; with a handler that does nothing, and
 * with one that writes a row under an inbox. Needs the servers that TEST_DATABASE_URL and TEST_AMQP_URL name.
 *
 *     node --import ./test/support/typescript.mjs -e "require('./test/bench/events.ts')"
 */
import { LocalEvents } from '@banyan/platform/events/local-events';
import { Outbox } from '@banyan/platform/events/outbox';
import { AmqpEvents } from '@banyan/platform/events/rabbitmq/amqp-events';
import type { Subscription } from '@banyan/platform/events/subscriptions';
import { createTestDatabase } from '../support/database';
import { connectBroker, disconnectBroker, effectsTable, happened, range, recording, subscription, until } from '../support/events';
import { createTestBroker } from '../support/rabbitmq';

const count = 10_000;
const rounds = 3;

async function main(): Promise<void> {
  const producer = await createTestDatabase({ schema: 'banyan_producer' });
  const consumer = await createTestDatabase({ schema: 'banyan_consumer', setup: [effectsTable] });
  const broker = await createTestBroker();
  const connection = await connectBroker(broker.url);
  const outbox = new Outbox(producer.database);
  const databases = new Map([['producer', producer.database]]);
  let handled = 0;
  const counted = (inner?: Subscription) =>
    subscription(inner === undefined ? 'count' : 'record', async (delivered) => {
      await inner?.handle(delivered);
      handled++;
    });
  const forms = {
    'in the process': (by: Subscription) => new LocalEvents(databases, [by]),
    'through RabbitMQ': (by: Subscription) => new AmqpEvents(connection, databases, [by], [by]),
  };
  for (const [how, by] of Object.entries({ 'no inbox': counted(), 'inbox and a row': counted(recording(consumer.database)) })) {
    for (const [where, form] of Object.entries(forms)) {
      const rates: number[] = [];
      for (let round = 0; round < rounds; round++) {
        handled = 0;
        for (let from = 0; from < count; from += 1_000) {
          const drafts = range(1_000, from).map((n) => outbox.draft(happened, { n }, { key: String(n % 100) }));
          await producer.database.transaction((tx) => outbox.addAll(tx, drafts));
        }
        const events = form(by);
        const began = performance.now();
        events.start();
        await until(() => handled >= count);
        rates.push((count / (performance.now() - began)) * 1_000);
        await until(async () => (await outbox.pending()) === 0);
        await events.stop();
      }
      console.log(`${where}, ${how}: ${Math.round(rates.sort((a, b) => a - b)[1] ?? 0)} events/s (median of ${rounds} × ${count})`);
    }
  }
  await disconnectBroker(connection);
  await Promise.all([broker.drop(), producer.drop(), consumer.drop()]);
}

void main();
