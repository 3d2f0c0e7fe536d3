import { AsyncLocalStorage } from 'node:async_hooks';
import type { Actor, CallContext, SystemActor, Trace, UserActor } from '../contract';
import { newTrace } from '../telemetry/trace';

/** How deep calls may be nested; deeper ones go round in a circle. */
export const MAX_DEPTH = 8;

const storage = new AsyncLocalStorage<CallContext<Actor>>();

/** The call one is in, if any: services use their clients without passing it on by hand. */
export function currentContext(): CallContext<Actor> | undefined {
  return storage.getStore();
}

export function inContext<T>(context: CallContext<Actor>, work: () => T): T {
  return storage.run(context, work);
}

/** Start a chain of calls that no request caused: an event, a timer, a command line. `key` names what caused it, so that a repeat repeats. */
export function asSystem<T>(
  name: string,
  { key, timeoutMs = 10_000, trace = newTrace() }: { key: string; timeoutMs?: number; trace?: Trace },
  work: () => T,
): T {
  const actor: SystemActor = { kind: 'system', name };
  return storage.run({ actor, key, deadline: Date.now() + timeoutMs, depth: 0, trace }, work);
}

/** Start a chain of calls on behalf of a user that no request of his caused: a frame of his socket. */
export function asUser<T>(actor: UserActor, { key, timeoutMs = 10_000 }: { key: string; timeoutMs?: number }, work: () => T): T {
  return storage.run({ actor, key, deadline: Date.now() + timeoutMs, depth: 0, trace: newTrace() }, work);
}
