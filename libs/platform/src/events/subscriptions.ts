import { Injectable, SetMetadata, applyDecorators } from '@nestjs/common';
import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { StartupError } from '../config/startup-error';
import type { EventDefinition } from '../contract/event';
import type { Delivered } from './stored-event';

/** One reader of one event. */
export interface Subscription {
  /** `<domain>.<method>`; part of the stored data, so renaming a handler makes a new subscription of it. */
  readonly name: string;
  /** Whose database remembers its failures. */
  readonly domain: string | undefined;
  readonly event: EventDefinition;
  handle(delivered: Delivered): Promise<unknown>;
}

const SUBSCRIBER = 'banyan:subscriber';
const ON = 'banyan:on';

/** A provider with handlers of the given domain; without it, its subscriptions are named after the class. */
export const Subscriber = (domain: string): ClassDecorator => applyDecorators(Injectable(), SetMetadata(SUBSCRIBER, domain));

/** The method is called with each event of this kind after its transaction has committed. Throwing means: again later, at last to the dead letters. */
export const On =
  <E extends EventDefinition>(event: E) =>
  <H extends (delivered: Delivered<E>) => Promise<void>>(_target: object, _method: string, { value }: TypedPropertyDescriptor<H>): void => {
    Reflect.defineMetadata(ON, event, value as object);
  };

/** All `@On` methods of the running application. @throws StartupError if two would share a name */
export function discoverSubscriptions(discovery: DiscoveryService, scanner: MetadataScanner): Subscription[] {
  const found = new Map<string, Subscription>();
  for (const { instance, metatype } of discovery.getProviders()) {
    if (!isObject(instance) || typeof metatype !== 'function') continue;
    const prototype = Object.getPrototypeOf(instance) as Record<string, unknown>;
    const domain = Reflect.getMetadata(SUBSCRIBER, metatype) as string | undefined;
    for (const method of scanner.getAllMethodNames(prototype)) {
      const handler = prototype[method] as (delivered: Delivered) => Promise<unknown>;
      const event = Reflect.getMetadata(ON, handler) as EventDefinition | undefined;
      if (event === undefined) continue;
      const name = `${domain ?? metatype.name}.${method}`;
      if (found.has(name)) throw new StartupError(`Two event handlers are called ${name}: rename one.`);
      found.set(name, { name, domain, event, handle: (delivered) => handler.call(instance, delivered) });
    }
  }
  return [...found.values()];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
