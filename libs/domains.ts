/**
 * The architecture as one table. Wiring (apps/server), the boundary test (.dependency-cruiser.cjs) and the picture in the
 * README are made from it.
 *
 * - `owns`: what only this domain changes, in a few words for the picture.
 * - `schema`, `database`: where the domain's tables live. A domain without them keeps nothing that must survive.
 * - `tableSet`: the tables of one own database; they move between data homes together. A domain with tables and no set has no other home.
 * - `calls`: whose contracts this domain may import and call.
 * - `inLegacy`: false where the monolith has no counterpart: nothing of the domain can be routed there, and all of it begins in new code.
 */
export interface DomainEntry {
  readonly owns: string;
  readonly calls: readonly string[];
  readonly database?: string;
  readonly schema?: string;
  readonly tableSet?: string;
  readonly inLegacy?: false;
}

export const domains = {
  auth: {
    owns: 'accounts, sessions',
    calls: ['user', 'message', 'group', 'media', 'notification', 'websocket'],
    database: 'auth_db',
    schema: 'banyan_auth',
    tableSet: 'identity',
  },
  user: { owns: 'profiles, public keys', calls: [], database: 'user_db', schema: 'banyan_user', tableSet: 'social' },
  message: {
    owns: 'messages, deliveries',
    calls: ['user', 'media'],
    database: 'message_db',
    schema: 'banyan_message',
    tableSet: 'messaging',
  },
  group: { owns: 'groups, members', calls: ['user'], database: 'group_db', schema: 'banyan_group', tableSet: 'groups' },
  media: { owns: 'uploads, attachments', calls: [], database: 'media_db', schema: 'banyan_media', tableSet: 'media' },
  relay: { owns: 'index of the queue', calls: ['user', 'message', 'media', 'websocket'] },
  notification: {
    owns: 'mail, templates',
    calls: ['auth', 'user', 'websocket'],
    database: 'notification_db',
    schema: 'banyan_notification',
    inLegacy: false,
  },
  websocket: { owns: 'sockets, presence', calls: ['auth', 'user', 'message', 'relay', 'group'] },
} as const satisfies Record<string, DomainEntry>;

export type DomainName = keyof typeof domains;

export const domainNames = Object.keys(domains) as DomainName[];

/** Whether the monolith is a home that this domain's requests can have. */
export const isInLegacy = (domain: DomainName): boolean => (domains[domain] as DomainEntry).inLegacy ?? true;

export const tableSets: readonly string[] = [
  ...new Set(Object.values(domains as Record<string, DomainEntry>).flatMap(({ tableSet }) => tableSet ?? [])),
];
