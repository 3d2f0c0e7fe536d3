import { AmqpConnection, type RabbitMQConfig } from '@golevelup/nestjs-rabbitmq';
import { atMost } from './at-most';
import type { Logger } from '../telemetry/log';
import { NestLogger } from '../telemetry/nest-logger';

export interface RabbitOptions {
  readonly url: string;
  /** Shown by the broker's management. */
  readonly name: string;
  readonly log: Logger;
  /** Topology, and channels for publishing and subscribing. Calls use channels of their own (`LastingChannel`). */
  readonly config?: Partial<RabbitMQConfig>;
}

const HEARTBEAT_SECONDS = 5;
const RECONNECT_SECONDS = 0.5;
/** A broker that takes the connection and then says nothing is tried again. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * The one connection of a process to RabbitMQ, by golevelup. Comes back at once, whether or not there is a broker: it is looked for
 * until it is there, and again whenever it is lost.
 *
 * Made by hand and not by golevelup's module, which keeps state per program and could serve one Nest application only.
 */
export async function connectRabbit({ url, name, log, config }: RabbitOptions): Promise<AmqpConnection> {
  const connection = new AmqpConnection({
    uri: url,
    registerHandlers: false,
    enableDirectReplyTo: false,
    defaultPublishOptions: { persistent: true },
    logger: new NestLogger(log),
    connectionInitOptions: { wait: false },
    connectionManagerOptions: {
      heartbeatIntervalInSeconds: HEARTBEAT_SECONDS,
      reconnectTimeInSeconds: RECONNECT_SECONDS,
      // amqplib leaves Nagle's algorithm on, which costs 40 ms a hop.
      connectionOptions: { noDelay: true, timeout: CONNECT_TIMEOUT_MS, clientProperties: { connection_name: name } },
    },
    ...config,
  });
  await connection.init();
  return connection;
}

/** Close it, and do not wait for a broker that does not answer. */
export function closeRabbit(connection: AmqpConnection, graceMs = 2_000): Promise<void> {
  return atMost(graceMs, connection.managedConnection.close());
}
