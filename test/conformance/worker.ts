/** A process that serves the probe over RabbitMQ, to be killed. Says `{ queue }` when it takes calls; `drain` ends it in good order. */
import { closeRabbit, connectRabbit } from '@banyan/platform/rabbitmq/connection';
import { OperationConsumer } from '@banyan/platform/rabbitmq/operation.consumer';
import { createLogger } from '@banyan/platform/telemetry/log';
import { serveProbe } from './probe.server';
import type { WorkerOptions } from './workers';

async function main({ amqpUrl, key, id, folder, ...limits }: WorkerOptions & { id: string }): Promise<void> {
  const log = createLogger({ level: 'silent' });
  const { server } = await serveProbe(folder);
  const connection = await connectRabbit({ url: amqpUrl, name: id, log });
  const consumer = new OperationConsumer({
    connection,
    server,
    instanceId: id,
    key,
    log,
    onQueue: (queue) => process.send?.({ queue }),
    ...limits,
  });
  connection.managedConnection.on('connect', () => process.send?.({ connected: true }));
  process.on('message', ({ drainMs }: { drainMs: number }) => {
    void consumer
      .drain(drainMs)
      .then(() => closeRabbit(connection))
      .then(() => process.exit(0));
  });
  process.on('disconnect', () => process.exit(1)); // the test is gone
}

void main(JSON.parse(process.env['WORKER']!) as WorkerOptions & { id: string });
