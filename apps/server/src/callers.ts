import { AccountNotFound, caller, keys } from '@banyan/auth/contract';
import { isError } from '@banyan/platform/contract';
import type { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import { Callers } from '@banyan/platform/edge/callers';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { type Caller, CallerState } from '@banyan/platform/tokens/caller-state';
import { type Published, PublishedKeys } from '@banyan/platform/tokens/published-keys';
import type { TokenVerifier } from '@banyan/platform/tokens/verifier';

/** The keys of access tokens, wherever auth runs. */
export function publishedKeys(dispatcher: Dispatcher): PublishedKeys {
  const call = { actor: { kind: 'system', name: 'edge' }, key: 'keys' } as const;
  return new PublishedKeys(() => dispatcher.callFromEdge(keys, {}, call) as Promise<Published>);
}

/** Who calls is asked of auth, wherever that runs; the key-value store says how long its answers are good. */
export async function openCallers(verifier: TokenVerifier, dispatcher: Dispatcher, keyvalue: KeyValue): Promise<Callers> {
  const { generations, lastKnown } = new CallerState(keyvalue);
  const callers = new Callers(verifier, {
    find: async (userId, sessionId) => {
      const call = { actor: { kind: 'system', name: 'edge' }, key: 'caller' } as const;
      return dispatcher.callFromEdge(caller, { user_id: userId, session_id: sessionId }, call).catch((error: unknown) => {
        if (isError(error, AccountNotFound)) return undefined;
        throw error;
      }) as Promise<Caller | undefined>;
    },
    generation: (userId) => generations.get(userId),
    lastKnown: (userId, sessionId = '') => lastKnown.get(userId, sessionId),
  });
  await generations.listen((userId) => callers.forget(userId));
  return callers;
}
