import type { DomainName } from '@banyan/domains';
import type { Migration } from '@banyan/platform/database/data-source';
import { Platform1763800000000 as AuthPlatform } from './auth/side/1763800000000-platform';
import { Published1763800002000 as AuthPublished } from './auth/side/1763800002000-published';
import { Accounts1763800000000 } from './auth/tables/1763800000000-accounts';
import { RoutesAndInstances1763800000000 } from './host/side/1763800000000-routes-and-instances';
import { DataHomes1763800003000 } from './host/side/1763800003000-data-homes';
import { LegacyOfInstances1763800008000 } from './host/side/1763800008000-legacy-of-instances';
import { SavedAcknowledgements1763800005000 } from './host/side/1763800005000-saved-acknowledgements';
import { RelayQueues1763800004000 } from './host/side/1763800004000-relay-queues';
import { Platform1763800000000 as MessagePlatform } from './message/side/1763800000000-platform';
import { Deliveries1763800001000 } from './message/side/1763800001000-deliveries';
import { Published1763800002000 as MessagePublished } from './message/side/1763800002000-published';
import { Adopted1763800006000 } from './message/side/1763800006000-adopted';
import { Messages1763800000000 } from './message/tables/1763800000000-messages';
import { Platform1763800000000 as UserPlatform } from './user/side/1763800000000-platform';
import { Published1763800002000 as UserPublished } from './user/side/1763800002000-published';
import { Profiles1763800000000 } from './user/tables/1763800000000-profiles';

/**
 * The two histories of each domain that keeps data. `tables`: those with a legacy counterpart, which is a view on the legacy
 * database. `side`: additional state, real tables on either. `host` is no domain: routes and instances, which every process shares.
 */
export const migrations: Partial<
  Record<DomainName | 'host', { readonly tables: readonly Migration[]; readonly side: readonly Migration[] }>
> = {
  auth: { tables: [Accounts1763800000000], side: [AuthPlatform, AuthPublished] },
  user: { tables: [Profiles1763800000000], side: [UserPlatform, UserPublished] },
  message: { tables: [Messages1763800000000], side: [MessagePlatform, Deliveries1763800001000, MessagePublished, Adopted1763800006000] },
  host: {
    tables: [],
    side: [
      RoutesAndInstances1763800000000,
      DataHomes1763800003000,
      RelayQueues1763800004000,
      SavedAcknowledgements1763800005000,
      LegacyOfInstances1763800008000,
    ],
  },
};
