import { domains } from '@banyan/domains';

/**
 * The tables of the domains that have a counterpart in the legacy database: which columns they have, and how legacy keeps
 * each of them. Everything about the legacy data home is generated from this table.
 *
 * Every table has the key `id uuid`, which never changes.
 */
export interface LegacyTable {
  readonly domain: 'auth' | 'user' | 'message' | 'group' | 'media';
  /** Name in the domain's schema, on either home. */
  readonly name: string;
  /** Name in legacy's schema `public`. */
  readonly legacy: string;
  readonly columns: Readonly<Record<string, Column>>;
  /** Legacy columns that belong to another table here but that a new row must have: name to SQL value. */
  readonly alsoInserted?: Readonly<Record<string, string>>;
  /** What refers to a row in legacy without `ON DELETE CASCADE`, in the order in which it has to go before the row can. */
  readonly referredToBy?: readonly Reference[];
  /** A column without which some of the databases in the field take no row: there a row without it is not made, and nothing is said. */
  readonly refusedWithout?: string;
  /** The rows are parts of another domain's rows. Those whose part was not inserted yet are listed in the side table `pending`. */
  readonly partOf?: { domain: LegacyTable['domain']; table: string; pending: string };
  /**
   * Legacy allows several rows with the same values of these columns (never null); here they are one. Of them the row is shown that comes
   * first by `order` (SQL expressions of the row `b`, then by id). None is added beside another, and a change or a removal reaches all.
   */
  readonly merged?: { by: readonly [string, ...string[]]; order: readonly string[] };
  /** Additive indexes `banyan_<table>_<name>`. `of` has columns of this table, indexed as the view reads them, and SQL over plain ones. */
  readonly indexes?: readonly { name: string; of: readonly string[]; using?: 'gin' }[];
}

export interface Reference {
  readonly table: string;
  readonly column: string;
  readonly onDelete: 'delete' | 'set null';
}

/**
 * How legacy keeps a value. Nulls are read as `fill`, if there is one.
 *
 * - `plain`: as it is. An empty text counts as null if there is a `fill`.
 * - `time`: `timestamp` in UTC for our `timestamptz`.
 * - `boolean`: null stands for `fill`.
 * - `bytes`: UTF-8 in `bytea`, in both variants.
 * - `content`: text, or UTF-8 in `bytea` in the databases that legacy's migration files made.
 * - `json`: kept as text, so no value is unfit for it; a JSON `null` counts as null.
 * - `keys`: the list of a user's public keys, cleaned of everything that is not one (`conversions.ts`).
 */
export type Kind = 'plain' | 'time' | 'boolean' | 'bytes' | 'content' | 'json' | 'keys';

export interface Column {
  readonly kind: Kind;
  /** Type on the new side, in PostgreSQL's own short spelling. */
  readonly type: string;
  /** SQL value read where legacy has null, in legacy's type. */
  readonly fill?: string;
  /** SQL value of a row inserted without this column. */
  readonly default?: string;
  /** A copy of what another table owns: shown here, and writes to it are ignored. */
  readonly copy?: true;
  /** SQL of a copy that is not in the table itself; `b` is its row. */
  readonly from?: string;
}

const plain = (type: string, more: { fill?: string; default?: string } = {}): Column => ({ kind: 'plain', type, ...more });
const boolean = (fill: 'true' | 'false'): Column => ({ kind: 'boolean', type: 'boolean', fill, default: fill });
const time: Column = { kind: 'time', type: 'timestamptz' };
const content: Column = { kind: 'content', type: 'text' };
const bytes: Column = { kind: 'bytes', type: 'text' };
const createdAt: Column = { ...time, fill: "'1970-01-01 00:00:00'::timestamp", default: 'clock_timestamp()' };
const copy = (column: Column): Column => ({ ...column, copy: true });

const ofMessage = (name: string): Column => ({
  ...copy(plain('uuid')),
  from: `(SELECT m.${name} FROM public.messages m WHERE m.id = b.message_id)`,
});

const id = plain('uuid');
const email = plain('varchar(255)');
const username = plain('varchar(100)');
const role = plain('varchar(20)', { fill: "'user'", default: "'user'" });
const isActive = boolean('true');

export const legacyTables: readonly LegacyTable[] = [
  {
    domain: 'auth',
    name: 'users',
    legacy: 'users',
    columns: {
      id,
      email,
      username,
      password_hash: plain('varchar(255)'),
      role,
      is_active: isActive,
      is_verified: boolean('false'),
      last_seen: time,
      created_at: createdAt,
      updated_at: time,
    },
    alsoInserted: { public_keys: "'[]'" },
    referredToBy: [
      { table: 'group_read_receipts', column: 'user_id', onDelete: 'delete' },
      { table: 'group_messages', column: 'sender_id', onDelete: 'delete' },
      { table: 'group_members', column: 'added_by', onDelete: 'set null' },
      { table: 'groups', column: 'admin_id', onDelete: 'delete' },
      { table: 'invitations', column: 'inviter_id', onDelete: 'delete' },
    ],
  },
  {
    domain: 'auth',
    name: 'deleted_users',
    legacy: 'deleted_users',
    columns: { id, email, username, deleted_at: { ...time, default: 'clock_timestamp()' }, deleted_by_admin_id: plain('uuid') },
  },
  {
    domain: 'user',
    name: 'user_profiles',
    legacy: 'users',
    partOf: { domain: 'auth', table: 'users', pending: 'profile_pending' },
    columns: {
      id,
      email: copy(email),
      username: copy(username),
      full_name: plain('varchar(255)'),
      avatar_url: plain('varchar(500)'),
      bio: plain('varchar(500)'),
      public_keys: { kind: 'keys', type: 'jsonb', fill: "'[]'", default: "'[]'" },
      encrypted_private_key: plain('text'),
      role: copy(role),
      is_active: copy(isActive),
      created_at: copy(createdAt),
    },
    // What the search asks for: three characters that follow each other somewhere, or those at the beginning.
    indexes: [
      { name: 'trigrams', of: ['banyan_user.trigrams_of(lower(email))'], using: 'gin' },
      { name: 'beginning', of: ['lower(email) text_pattern_ops'] },
    ],
  },
  {
    domain: 'user',
    name: 'contacts',
    legacy: 'contacts',
    columns: { id, user_id: plain('uuid'), contact_id: plain('uuid'), nickname: plain('varchar(255)'), created_at: createdAt },
    indexes: [{ name: 'contact', of: ['contact_id'] }],
  },
  {
    domain: 'user',
    name: 'invitations',
    legacy: 'invitations',
    columns: {
      id,
      inviter_id: plain('uuid'),
      invitee_email: email,
      invitation_token: plain('varchar(255)'),
      is_accepted: boolean('false'),
      accepted_at: time,
      created_at: createdAt,
      expires_at: time,
    },
    indexes: [
      { name: 'inviter', of: ['inviter_id'] },
      { name: 'invitee', of: ['invitee_email'] },
    ],
  },
  {
    domain: 'message',
    name: 'messages',
    legacy: 'messages',
    columns: {
      id,
      sender_id: plain('uuid'),
      recipient_id: plain('uuid'),
      encrypted_content: content,
      encrypted_session_key: content,
      sender_encrypted_content: plain('text'),
      crypto_version: plain('text', { default: "'v1'" }),
      encryption_algorithm: plain('text', { default: "'ECDH-AES256-GCM'" }),
      kdf_algorithm: plain('text', { default: "'HKDF-SHA256'" }),
      signatures: { kind: 'json', type: 'json', fill: "'[]'", default: "'[]'" },
      is_read: boolean('false'),
      is_deleted: boolean('false'),
      has_media: boolean('false'),
      created_at: createdAt,
      updated_at: time,
    },
    indexes: [{ name: 'conversation', of: ['least(sender_id, recipient_id)', 'greatest(sender_id, recipient_id)', 'created_at', 'id'] }],
  },
  {
    domain: 'group',
    name: 'groups',
    legacy: 'groups',
    columns: {
      id,
      name: plain('varchar(255)'),
      description: plain('text'),
      admin_id: plain('uuid'),
      avatar_url: plain('varchar(500)'),
      is_encrypted: boolean('true'),
      created_at: createdAt,
      updated_at: time,
    },
    indexes: [{ name: 'admin', of: ['admin_id'] }],
  },
  {
    domain: 'group',
    name: 'group_members',
    legacy: 'group_members',
    columns: {
      id,
      group_id: plain('uuid'),
      user_id: plain('uuid'),
      role: plain('varchar(50)', { fill: "'member'", default: "'member'" }),
      added_by: plain('uuid'),
      joined_at: createdAt,
      is_muted: boolean('false'),
    },
    // An admin stays one whatever else stands there; then who came first.
    merged: {
      by: ['group_id', 'user_id'],
      order: ["(b.role IS DISTINCT FROM 'admin')", `COALESCE(b.joined_at, ${createdAt.fill})`],
    },
    indexes: [
      { name: 'pair', of: ['group_id', 'user_id'] },
      { name: 'user', of: ['user_id'] },
      { name: 'added_by', of: ['added_by'] },
    ],
  },
  {
    domain: 'group',
    name: 'group_messages',
    legacy: 'group_messages',
    columns: {
      id,
      group_id: plain('uuid'),
      sender_id: plain('uuid'),
      encrypted_content: bytes,
      encrypted_session_key: bytes,
      is_edited: boolean('false'),
      is_deleted: boolean('false'),
      created_at: createdAt,
      updated_at: time,
    },
    indexes: [
      { name: 'history', of: ['group_id', 'created_at', 'id'] },
      { name: 'sender', of: ['sender_id'] },
    ],
  },
  {
    domain: 'group',
    name: 'group_read_receipts',
    legacy: 'group_read_receipts',
    columns: { id, message_id: plain('uuid'), user_id: plain('uuid'), read_at: createdAt },
    merged: { by: ['message_id', 'user_id'], order: [`COALESCE(b.read_at, ${createdAt.fill})`] },
    indexes: [
      { name: 'pair', of: ['message_id', 'user_id'] },
      { name: 'user', of: ['user_id'] },
    ],
  },
  {
    domain: 'media',
    name: 'media_attachments',
    legacy: 'media_attachments',
    columns: {
      id,
      message_id: plain('uuid'),
      file_name: plain('varchar(255)'),
      file_type: plain('varchar(100)'),
      file_size: plain('integer'),
      file_url: plain('varchar(500)'),
      thumbnail_url: plain('varchar(500)'),
      created_at: createdAt,
      sender_id: ofMessage('sender_id'),
      recipient_id: ofMessage('recipient_id'),
    },
    refusedWithout: 'message_id',
  },
];

export const schemaOf = (table: LegacyTable): string => domains[table.domain].schema;
