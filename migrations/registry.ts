import type { DomainName } from '@banyan/domains';
import type { Migration } from '@banyan/platform/database/data-source';
import { Platform1763800000000 as AuthPlatform } from './auth/side/1763800000000-platform';
import { Published1763800002000 as AuthPublished } from './auth/side/1763800002000-published';
import { Sessions1763800010000 } from './auth/side/1763800010000-sessions';
import { Accounts1763800000000 } from './auth/tables/1763800000000-accounts';
import { Platform1763800000000 as GroupPlatform } from './group/side/1763800000000-platform';
import { Published1763800002000 as GroupPublished } from './group/side/1763800002000-published';
import { GroupState1763800020000 } from './group/side/1763800020000-group-state';
import { Groups1763800020000 } from './group/tables/1763800020000-groups';
import { RoutesAndInstances1763800000000 } from './host/side/1763800000000-routes-and-instances';
import { DataHomes1763800003000 } from './host/side/1763800003000-data-homes';
import { LegacyOfInstances1763800008000 } from './host/side/1763800008000-legacy-of-instances';
import { SavedAcknowledgements1763800005000 } from './host/side/1763800005000-saved-acknowledgements';
import { RelayQueues1763800004000 } from './host/side/1763800004000-relay-queues';
import { Platform1763800000000 as MediaPlatform } from './media/side/1763800000000-platform';
import { Published1763800002000 as MediaPublished } from './media/side/1763800002000-published';
import { Objects1763800020000 } from './media/side/1763800020000-objects';
import { Attachments1763800020000 } from './media/tables/1763800020000-attachments';
import { Platform1763800000000 as MessagePlatform } from './message/side/1763800000000-platform';
import { Deliveries1763800001000 } from './message/side/1763800001000-deliveries';
import { Published1763800002000 as MessagePublished } from './message/side/1763800002000-published';
import { Adopted1763800006000 } from './message/side/1763800006000-adopted';
import { Receipts1763800011000 } from './message/side/1763800011000-receipts';
import { RemovedUsers1763800010000 } from './message/side/1763800010000-removed-users';
import { Messages1763800000000 } from './message/tables/1763800000000-messages';
import { MessagesOfOne1763800010000 } from './message/tables/1763800010000-messages-of-one';
import { Platform1763800000000 as NotificationPlatform } from './notification/side/1763800000000-platform';
import { Published1763800002000 as NotificationPublished } from './notification/side/1763800002000-published';
import { Notifications1763800010000 } from './notification/side/1763800010000-notifications';
import { Platform1763800000000 as UserPlatform } from './user/side/1763800000000-platform';
import { Published1763800002000 as UserPublished } from './user/side/1763800002000-published';
import { Social1763800007000 } from './user/side/1763800007000-social';
import { Profiles1763800000000 } from './user/tables/1763800000000-profiles';
import { ContactsAndInvitations1763800007000 } from './user/tables/1763800007000-contacts-and-invitations';

/**
 * The two histories of each domain that keeps data. `tables`: those with a legacy counterpart, which is a view on the legacy
 * database. `side`: additional state, real tables on either. `host` is no domain: routes and instances, which every process shares.
 */
export const migrations: Partial<
  Record<DomainName | 'host', { readonly tables: readonly Migration[]; readonly side: readonly Migration[] }>
> = {
  auth: { tables: [Accounts1763800000000], side: [AuthPlatform, AuthPublished, Sessions1763800010000] },
  user: { tables: [Profiles1763800000000, ContactsAndInvitations1763800007000], side: [UserPlatform, UserPublished, Social1763800007000] },
  message: {
    tables: [Messages1763800000000, MessagesOfOne1763800010000],
    side: [
      MessagePlatform,
      Deliveries1763800001000,
      MessagePublished,
      Adopted1763800006000,
      RemovedUsers1763800010000,
      Receipts1763800011000,
    ],
  },
  group: { tables: [Groups1763800020000], side: [GroupPlatform, GroupPublished, GroupState1763800020000] },
  media: { tables: [Attachments1763800020000], side: [MediaPlatform, MediaPublished, Objects1763800020000] },
  notification: { tables: [], side: [NotificationPlatform, NotificationPublished, Notifications1763800010000] },
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
