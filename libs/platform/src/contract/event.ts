import type { z } from 'zod';

/** Something that happened. Named in the past tense; the name is the routing key on the wire. */
export interface EventDefinition<S extends z.ZodType = z.ZodType> {
  readonly kind: 'event';
  readonly name: string;
  readonly schema: S;
}

export type EventData<E> = E extends EventDefinition<infer S> ? z.output<S> : never;

export function event<S extends z.ZodType>(name: string, schema: S): EventDefinition<S> {
  return { kind: 'event', name, schema };
}
