import type { Message, Options } from 'amqplib';
import type { Delivered, StoredEvent } from '../stored-event';

/** Of the delivery that a message is for; without it, the first. */
const attemptHeader = 'x-banyan-attempt';

/** Of one message: the more there are, the more is handled again when a process dies with it. */
const maxEvents = 64;
const maxLetters = 262_144;

/** Events of one name that travel as one message. */
export interface Pack<E extends StoredEvent = StoredEvent> {
  readonly events: readonly E[];
  readonly content: Buffer;
}

/** In order, which is so kept for each name: subscribers of several names have no order anyway. A larger event goes alone. */
export function packed<E extends StoredEvent>(events: readonly E[]): Pack<E>[] {
  const packs: Pack<E>[] = [];
  const open = new Map<string, { events: E[]; texts: string[]; letters: number }>();
  const close = (name: string) => {
    const { events, texts } = open.get(name)!;
    open.delete(name);
    packs.push({ events, content: Buffer.from(texts.length === 1 ? texts[0]! : `[${texts.join(',')}]`) });
  };
  for (const event of events) {
    const { name } = event;
    const text = textOf(event);
    const begun = open.get(name);
    if (begun && (begun.events.length === maxEvents || begun.letters + text.length > maxLetters)) close(name);
    const pack = open.get(name) ?? { events: [], texts: [], letters: 0 };
    open.set(name, pack);
    pack.events.push(event);
    pack.texts.push(text);
    pack.letters += text.length;
  }
  for (const name of open.keys()) close(name);
  return packs;
}

/** One event is itself, several are a list. */
export function contentOf(event: StoredEvent): Buffer {
  return Buffer.from(textOf(event));
}

function textOf({ id, name, key, data, trace, occurred_at }: StoredEvent): string {
  return JSON.stringify({ id, name, key, data, trace, occurred_at });
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

/** @throws NotAnEvent, also if one of several is none */
export function deliveredOf(message: Message, subscription: string): Delivered[] {
  const attempt = attemptOf(message);
  return storedEventsOf(message).map((event) => ({ ...event, subscription, attempt }) as Delivered);
}

/** @throws NotAnEvent */
export function storedEventsOf({ content }: Message): StoredEvent[] {
  let value: unknown;
  try {
    value = JSON.parse(content.toString());
  } catch {
    throw new NotAnEvent('not JSON'); // JSON.parse quotes what it was given
  }
  const events = (Array.isArray(value) ? value : [value]) as (Partial<StoredEvent> | null)[];
  if (events.length === 0 || events.some((event) => typeof event?.id !== 'string' || typeof event.name !== 'string'))
    throw new NotAnEvent('no id or name');
  return events as StoredEvent[];
}
