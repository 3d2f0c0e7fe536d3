/**
 * A process that consumes one subscription, to be killed. Takes `{ database, schema, broker, options }` as its argument; its effects are
 * rows of `effects`. Prints a line when it has started.
 */
import { Database } from '@banyan/platform/database/database';
import { openDataSource } from '@banyan/platform/database/data-source';
import { AmqpEvents, type AmqpEventsOptions } from '@banyan/platform/events/rabbitmq/amqp-events';
import { connectBroker, recording } from './events';

interface Arguments {
  readonly database: string;
  readonly schema: string;
  readonly broker: string;
  readonly options: AmqpEventsOptions;
}

async function main({ database: url, schema, broker, options }: Arguments): Promise<void> {
  const source = await openDataSource({ url, schema, role: schema, poolSize: 4, applicationName: 'banyan spec consumer' });
  const subscriptions = [recording(new Database(() => source))];
  const events = new AmqpEvents(await connectBroker(broker), new Map(), subscriptions, subscriptions, options);
  events.start();
  process.stdin.on('end', () => process.exit()).resume(); // its test is gone
  console.log('started');
}

void main(JSON.parse(process.argv[1] ?? '') as Arguments);
