import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Channel } from 'amqplib';

/** The broker is away, does not answer in time, or has refused. Whether it did what it was asked is not known. */
export class BrokerUnavailable extends Error {
  override readonly name = 'BrokerUnavailable';
}

/** For the log: a broker's words name queues and settings, never contents. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** A connection that was lost without a word is found out much later than anybody wants to wait. @throws BrokerUnavailable after `timeoutMs` */
export async function within<T>(timeoutMs: number, answer: Promise<T>, who = 'the broker'): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new BrokerUnavailable(`${who} does not answer`)), timeoutMs);
  });
  try {
    return await Promise.race([answer, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

/** A channel of one's own. One that comes too late is closed. @throws BrokerUnavailable */
export async function openChannel(connection: AmqpConnection, timeoutMs: number): Promise<Channel> {
  const { connection: open } = connection.managedConnection;
  if (open === undefined) throw new BrokerUnavailable('there is no connection');
  const opening = open.createChannel();
  try {
    const channel = await within(timeoutMs, opening);
    channel.on('error', () => undefined); // the close that follows says all we need
    return channel;
  } catch (error) {
    opening.then((late) => late.close()).catch(() => undefined);
    throw new BrokerUnavailable('no channel could be opened', { cause: error });
  }
}
