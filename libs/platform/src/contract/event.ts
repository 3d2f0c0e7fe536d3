import { z } from 'zod';

/** Something that happened, announced by one domain to whoever listens. The name is also the routing key: past tense, `message.sent`. */
export interface EventDefinition<S extends z.ZodType = z.ZodType> {
  readonly kind: 'event';
  readonly name: string;
  readonly schema: S;
}

export function event<S extends z.ZodType>(name: string, schema: S): EventDefinition<S> {
  return { kind: 'event', name, schema };
}

/** What a subscriber of `E` receives. */
export type EventData<E> = E extends EventDefinition<infer S> ? z.output<S> : never;
