import { Inject } from '@nestjs/common';
import type { CallOptions, ClientOf, Contract } from '../contract';
import type { Dispatcher } from './dispatcher';

/** Under which name Nest keeps the client of a domain. */
export const clientToken = (contract: Contract): string => `client:${contract.domain}`;

/** Inject a client of another domain: `@Client(userContract) private readonly users: ClientOf<typeof userContract>`. */
export const Client = (contract: Contract) => Inject(clientToken(contract));

/** One function per operation of the contract. It goes through the dispatcher, so the caller cannot tell where it ends. */
export function makeClient<C extends Contract>(contract: C, dispatcher: Dispatcher): ClientOf<C> {
  const methods = Object.entries(contract.operations).map(([key, operation]) => [
    key,
    (input: unknown, options?: CallOptions) => dispatcher.call(operation, input, options),
  ]);
  return Object.fromEntries(methods) as ClientOf<C>;
}
