import type { DomainName } from '@banyan/domains';
import { authContract } from '@banyan/auth/contract';
import { messageContract } from '@banyan/message/contract';
import type { Contract } from '@banyan/platform/contract';
import { relayContract } from '@banyan/relay/contract';
import { userContract } from '@banyan/user/contract';
import { websocketContract } from '@banyan/websocket/contract';
import type { Type } from '@nestjs/common';

/** Every contract, and the module that serves it; the module's code is loaded only where the domain is served. */
const table: Record<DomainName, { readonly contract: Contract; readonly load: () => Promise<Type> }> = {
  auth: { contract: authContract, load: async () => (await import('@banyan/auth/auth.module')).AuthModule },
  user: { contract: userContract, load: async () => (await import('@banyan/user/user.module')).UserModule },
  message: { contract: messageContract, load: async () => (await import('@banyan/message/message.module')).MessageModule },
  relay: { contract: relayContract, load: async () => (await import('@banyan/relay/relay.module')).RelayModule },
  websocket: { contract: websocketContract, load: async () => (await import('@banyan/websocket/websocket.module')).WebsocketModule },
};

export const contracts = Object.values(table).map(({ contract }) => contract);

export const contractOf = (domain: DomainName): Contract => table[domain].contract;

export const loadModules = (domains: readonly DomainName[]): Promise<Type[]> => Promise.all(domains.map((domain) => table[domain].load()));
