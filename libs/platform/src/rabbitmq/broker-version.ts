import { connect } from 'amqplib';
import { atMost } from './at-most';

const LIMIT_MS = 3_000;

/** What the broker says it is, e.g. `RabbitMQ 3.10.8`. Rejects if it cannot be reached or does not let us in. */
export async function brokerVersion(url: string): Promise<string> {
  const connection = await connect(url, { timeout: LIMIT_MS, noDelay: true, clientProperties: { connection_name: 'banyan cli' } });
  connection.on('error', () => undefined);
  const { product, version } = connection.connection.serverProperties as { product?: unknown; version?: unknown };
  await atMost(LIMIT_MS, connection.close());
  return `${typeof product === 'string' ? product : 'a broker'} ${typeof version === 'string' ? version : 'of an unknown version'}`;
}
