import type { Message, Options } from 'amqplib';
import type { Delivered, StoredEvent } from '../stored-event';

/** Of the delivery that a message is for; without it, the first. */
const attemptHeader = 'x-banyan-attempt';

export function contentOf({ id, name, key, data, trace, occurred_at }: StoredEvent): Buffer {
  return Buffer.from(JSON.stringify({ id, name, key, data, trace, occurred_at }));
}

export function propertiesOf({ id, name }: Pick<StoredEvent, 'id' | 'name'>, attempt = 1): Options.Publish {
  return { messageId: id, type: name, contentType: 'application/json', headers: { [attemptHeader]: attempt } };
}

export function attemptOf({ properties: { headers } }: Message): number {
  const attempt: unknown = headers?.[attemptHeader];
  return typeof attempt === 'number' && attempt > 0 ? attempt : 1;
}

export class NotAnEvent extends Error {
  override readonly name = 'NotAnEvent';
}

/** @throws NotAnEvent */
export function deliveredOf(message: Message, subscription: string): Delivered {
  return { ...storedEventOf(message), subscription, attempt: attemptOf(message) } as Delivered;
}

/** @throws NotAnEvent */
function storedEventOf({ content }: Message): StoredEvent {
  let value: unknown;
  try {
    value = JSON.parse(content.toString());
  } catch {
    throw new NotAnEvent('not JSON'); // JSON.parse quotes what it was given
  }
  const { id, name } = (value ?? {}) as Partial<StoredEvent>;
  if (typeof id !== 'string' || typeof name !== 'string') throw new NotAnEvent('no id or name');
  return value as StoredEvent;
}
