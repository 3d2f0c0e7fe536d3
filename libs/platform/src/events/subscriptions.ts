import { type DynamicModule, Injectable, SetMetadata, type Type, applyDecorators } from '@nestjs/common';
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
  /** Whether there is anything to do, asked before each event at no cost; without it, there always is. */
  isNeeded?(delivered: Delivered): boolean;
  handle(delivered: Delivered): Promise<unknown>;
}

const SUBSCRIBER = 'banyan:subscriber';
const ON = 'banyan:on';

/** A provider with handlers of the given domain; without it, its subscriptions are named after the class. */
export const Subscriber = (domain: string): ClassDecorator => applyDecorators(Injectable(), SetMetadata(SUBSCRIBER, domain));

interface Listening {
  readonly event: EventDefinition;
  /** A method of the same object. */
  readonly when?: string;
}

/**
 * The method is called with each event of this kind after its transaction has committed. Throwing means: again later, at last to the dead letters.
 *
 * @param when the name of a method of the same object that says whether there is anything to do: for events that mostly repair nothing
 */
export const On =
  <E extends EventDefinition>(event: E, { when }: { readonly when?: string } = {}) =>
  <H extends (delivered: Delivered<E>) => Promise<void>>(_target: object, _method: string, { value }: TypedPropertyDescriptor<H>): void => {
    Reflect.defineMetadata(ON, { event, when } satisfies Listening, value as object);
  };

/** All `@On` methods of the running application. @throws StartupError if two would share a name, or the condition of one does not exist */
export function discoverSubscriptions(discovery: DiscoveryService, scanner: MetadataScanner): Subscription[] {
  const found = new Map<string, Subscription>();
  for (const { instance, metatype } of discovery.getProviders()) {
    if (!isObject(instance) || typeof metatype !== 'function') continue;
    const prototype = Object.getPrototypeOf(instance) as object;
    for (const declared of declaredBy(metatype, scanner.getAllMethodNames(prototype), prototype)) {
      refuseTwins(found, declared.name);
      const { name, domain, event, handler, when } = declared;
      const isNeeded = when === undefined ? undefined : conditionOf(instance, when, name);
      found.set(name, { name, domain, event, isNeeded, handle: (delivered) => handler.call(instance, delivered) });
    }
  }
  return [...found.values()];
}

/** @throws StartupError */
function conditionOf(instance: object, method: string, subscription: string): (delivered: Delivered) => boolean {
  const condition = (instance as Record<string, unknown>)[method];
  if (typeof condition !== 'function') throw new StartupError(`${subscription} is called when ${method} says so, which does not exist.`);
  return (delivered) => condition.call(instance, delivered) as boolean;
}

/**
 * The subscriptions that these modules would have, and those they import, without making an instance of anything: a process keeps
 * events for handlers that only run elsewhere.
 *
 * @throws StartupError if two would share a name
 */
export function knownSubscriptions(modules: readonly (Type | DynamicModule)[], scanner: MetadataScanner): Omit<Subscription, 'handle'>[] {
  const found = new Map<string, Omit<Subscription, 'handle'>>();
  for (const provider of providersOf(modules)) {
    const prototype = provider.prototype as object;
    for (const { name, domain, event } of declaredBy(provider, scanner.getAllMethodNames(prototype), prototype)) {
      refuseTwins(found, name);
      found.set(name, { name, domain, event });
    }
  }
  return [...found.values()];
}

interface Declared extends Omit<Subscription, 'handle' | 'isNeeded'> {
  readonly when?: string;
  readonly handler: (delivered: Delivered) => Promise<unknown>;
}

function declaredBy(provider: object & { name: string }, methods: readonly string[], prototype: object): Declared[] {
  const domain = Reflect.getMetadata(SUBSCRIBER, provider) as string | undefined;
  return methods.flatMap((method) => {
    const handler = (prototype as Record<string, Declared['handler']>)[method] as Declared['handler'];
    const listening = Reflect.getMetadata(ON, handler) as Listening | undefined;
    return listening === undefined ? [] : [{ name: `${domain ?? provider.name}.${method}`, domain, ...listening, handler }];
  });
}

/** The classes among the providers of modules and of what they import, each once. */
function providersOf(modules: readonly (Type | DynamicModule)[]): Set<Type> {
  const providers = new Set<Type>();
  const seen = new Set<unknown>();
  const visit = (entry: unknown): void => {
    if (seen.has(entry)) return;
    seen.add(entry);
    const { module, ...dynamic } = (isObject(entry) ? entry : { module: entry }) as Partial<DynamicModule>;
    if (typeof module !== 'function') return; // a forward reference or a promise of a module, of which nothing is known yet
    for (const key of ['imports', 'providers'] as const) {
      const all = [...((Reflect.getMetadata(key, module) as unknown[] | undefined) ?? []), ...(dynamic[key] ?? [])];
      if (key === 'imports') all.forEach(visit);
      else for (const provider of all) if (typeof provider === 'function') providers.add(provider as Type);
    }
  };
  modules.forEach(visit);
  return providers;
}

function refuseTwins(found: ReadonlyMap<string, unknown>, name: string): void {
  if (found.has(name)) throw new StartupError(`Two event handlers are called ${name}: rename one.`);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
