import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Message } from 'amqplib';
import type { StoredEvent } from '../stored-event';
import { BrokerUnavailable } from './broker-unavailable';
import { ConfirmedChannel } from './confirmed-channel';
import { attemptOf, contentOf, NotAnEvent, propertiesOf, storedEventsOf } from './message';
import type { Topology } from './topology';

/** An event that one subscription has not handled. */
export interface Undelivered {
  readonly subscription: string;
  readonly id: string;
  readonly name: string;
  /** As it was published: even an unreadable message is passed on as it came. */
  readonly content: Buffer;
  /** How often its handler has failed. */
  readonly attempts: number;
}

/** What a dead letter carries beside its event. */
export const deadHeaders = {
  subscription: 'x-banyan-subscription',
  attempts: 'x-banyan-attempts',
  error: 'x-banyan-error',
  failedAt: 'x-banyan-failed-at',
} as const;

export function undeliveredMessage(message: Message, subscription: string): Undelivered {
  const { messageId, type } = message.properties as { messageId?: string; type?: string };
  return { subscription, id: messageId ?? '', name: type ?? '', content: message.content, attempts: attemptOf(message) };
}

export function undeliveredEvent(event: StoredEvent, subscription: string, attempts: number): Undelivered {
  return { subscription, id: event.id, name: event.name, content: contentOf(event), attempts };
}

/** Each event of a message; the message itself if it holds one, or cannot be read. */
export function undeliveredIn(message: Message, subscription: string): Undelivered[] {
  const whole = undeliveredMessage(message, subscription);
  try {
    const events = storedEventsOf(message);
    return events.length === 1 ? [whole] : events.map((event) => undeliveredEvent(event, subscription, whole.attempts));
  } catch (error) {
    if (!(error instanceof NotAnEvent)) throw error;
    return [whole];
  }
}

/**
 * Takes an event to one subscription again, or to the dead letters. When a method returns, the broker has it and the place it came
 * from may forget it; when it throws BrokerUnavailable, that place must keep it, and it may come twice.
 */
export class Redelivery {
  private readonly channel: ConfirmedChannel;

  constructor(
    connection: AmqpConnection,
    private readonly topology: Topology,
    timeoutMs?: number,
  ) {
    this.channel = new ConfirmedChannel(connection, (channel) => topology.declare(channel), timeoutMs);
  }

  /** After a delay that grows with its attempts. */
  later(event: Undelivered): Promise<void> {
    return this.put(this.topology.delayAfter(event.attempts), event, event.attempts + 1);
  }

  /** Without delay. If the subscription's queue does not exist, it is a dead letter again. */
  now(event: Undelivered): Promise<void> {
    return this.put(this.topology.retryExchange, event, event.attempts + 1);
  }

  /** @param error class and code, without contents */
  dead(event: Undelivered, error: string, failedAt = new Date().toISOString()): Promise<void> {
    const { subscription, attempts } = event;
    return this.put(this.topology.deadExchange, event, attempts, {
      [deadHeaders.subscription]: subscription,
      [deadHeaders.attempts]: attempts,
      [deadHeaders.error]: error,
      [deadHeaders.failedAt]: failedAt,
    });
  }

  close(): void {
    this.channel.close();
  }

  private async put(exchange: string, event: Undelivered, attempt: number, headers: Record<string, unknown> = {}): Promise<void> {
    const properties = propertiesOf(event, attempt);
    const routing = await this.channel.publish(exchange, event.subscription, event.content, {
      ...properties,
      headers: { ...properties.headers, ...headers },
    });
    if (routing === 'routed') return;
    this.channel.renew();
    throw new BrokerUnavailable('a queue is missing');
  }
}
