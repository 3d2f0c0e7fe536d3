import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Settings } from '@banyan/platform/config/table';
import type { OperationServer } from '@banyan/platform/dispatch/server';
import { atMost } from '@banyan/platform/rabbitmq/at-most';
import { closeRabbit, connectRabbit } from '@banyan/platform/rabbitmq/connection';
import { OperationConsumer } from '@banyan/platform/rabbitmq/operation.consumer';
import { RabbitCarrier } from '@banyan/platform/rabbitmq/rabbitmq.carrier';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { Joined } from './membership';

/** How long calls that run when a process is stopped are waited for. */
const DRAIN_MS = 15_000;
/** How long a start waits for a broker: one that is there has answered by then, and nothing has to be tried again. */
const GREETING_MS = 1_000;

/** What a process has with a broker: it calls others, and is called by them. */
export interface Rabbit {
  readonly connection: AmqpConnection;
  readonly carrier: RabbitCarrier;
  /** Take calls. @returns the queue they come to; `onQueue` hears of another one */
  consume(server: OperationServer, onQueue: (queue: string) => void): Promise<string>;
  /** Nothing begins any more; what runs is answered. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** Undefined without AMQP_URL: then everything is in this process. A broker that is away is looked for; the process serves meanwhile. */
export async function openRabbit(
  { AMQP_URL, CARRIER_KEY, SERVE }: Settings,
  { id, instances }: Joined,
  log: Logger,
): Promise<Rabbit | undefined> {
  if (AMQP_URL === undefined || CARRIER_KEY === undefined) return undefined;
  const connection = await connectRabbit({
    url: AMQP_URL,
    name: `banyan ${SERVE.edge ? 'host' : SERVE.domains.join(',')} ${id.slice(0, 8)}`,
    log,
  });
  const carrier = new RabbitCarrier({ connection, directory: instances, key: CARRIER_KEY, log });
  await atMost(GREETING_MS, carrier.ready());
  let consumer: OperationConsumer | undefined;
  return {
    connection,
    carrier,
    consume: async (server, onQueue) => {
      consumer = new OperationConsumer({ connection, server, instanceId: id, key: CARRIER_KEY, log, onQueue });
      return consumer.queue;
    },
    drain: async () => consumer?.drain(DRAIN_MS),
    close: async () => {
      await carrier.close();
      await closeRabbit(connection);
    },
  };
}
