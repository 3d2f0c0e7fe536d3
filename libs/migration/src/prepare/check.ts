import type { ClientBase } from 'pg';
import { legacyVariant, LegacyUnfit, missingRights } from './inspect';
import type { Variant } from './kinds';
import { findOddities, type Oddity } from './oddities';
import { preparedBy } from './prepared';
import { legacySql } from './script';
import { legacyTables, schemaOf } from './tables';

/** What a legacy database is like, seen by who would prepare it. */
export interface LegacyReport {
  readonly server_version: string;
  readonly database: string;
  readonly user: string;
  /** Null if the tables are not legacy's. */
  readonly variant: Variant | null;
  /** `no`, `older` (by another version of the views) or `yes`. */
  readonly prepared: 'no' | 'older' | 'yes';
  /** What keeps it from being prepared, one sentence each; none if nothing. */
  readonly obstacles: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly oddities: readonly Oddity[];
}

const TABLES = [
  'users',
  'deleted_users',
  'contacts',
  'invitations',
  'messages',
  'media_attachments',
  'groups',
  'group_members',
  'group_messages',
  'group_read_receipts',
];

/** PostgreSQL 13 has what the views use (`pg_current_xact_id`); they were tried on 15. */
const OLDEST = 130_000;
/** A question reads a table once; this is for tables of hundreds of millions of rows. */
const LIMIT = '30min';

/** Looks and changes nothing: one read-only snapshot. `client` is a connection of its own, in no transaction. */
export async function checkLegacy(client: ClientBase): Promise<LegacyReport> {
  await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '${LIMIT}'`);
  try {
    return await report(client);
  } finally {
    await client.query('ROLLBACK').catch(() => undefined); // a lost connection has rolled it back
  }
}

async function report(client: ClientBase): Promise<LegacyReport> {
  const { rows } = await client.query<{ server_version: string; number: string; database: string; user: string; encoding: string }>(
    `SELECT current_setting('server_version') AS server_version, current_setting('server_version_num') AS number,
       current_database() AS database, current_user AS user, current_setting('server_encoding') AS encoding`,
  );
  const { server_version, number, database, user, encoding } = rows[0]!;
  const { variant, faults } = await variantOf(client);
  return {
    server_version,
    database,
    user,
    variant,
    prepared: await preparation(client, variant),
    obstacles: [
      ...(Number(number) < OLDEST ? [`PostgreSQL ${server_version} is too old: 13 or newer is needed`] : []),
      ...(encoding === 'UTF8' ? [] : [`the database is encoded in ${encoding}, not UTF8`]),
      ...faults,
      ...(await missingRights(client)),
    ],
    counts: await countRows(client),
    oddities: variant ? await findOddities(client, variant) : [],
  };
}

/** Whether the schemas of new code are there, and of this build. */
export async function preparedState(client: ClientBase): Promise<LegacyReport['prepared']> {
  return preparation(client, (await variantOf(client)).variant);
}

async function variantOf(client: ClientBase): Promise<{ variant: Variant | null; faults: readonly string[] }> {
  try {
    return { variant: await legacyVariant(client), faults: [] };
  } catch (error) {
    if (error instanceof LegacyUnfit) return { variant: null, faults: error.faults };
    throw error;
  }
}

async function preparation(client: ClientBase, variant: Variant | null): Promise<LegacyReport['prepared']> {
  const found = new Map<string, string | undefined>();
  for (const schema of new Set(legacyTables.map(schemaOf))) found.set(schema, await preparedBy(client, schema));
  if ([...found.values()].some((version) => version === undefined)) return 'no';
  const current = legacySql(variant ?? 'text').every(({ schema, fingerprint }) => found.get(schema) === fingerprint);
  return current ? 'yes' : 'older';
}

async function countRows(client: ClientBase): Promise<Record<string, number>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = ANY ($1) ORDER BY array_position($1, relname::text)`,
    [TABLES],
  );
  const counts: Record<string, number> = {};
  for (const { name } of rows) {
    const counted = await client.query<{ n: string }>(`SELECT count(*) AS n FROM public.${name}`);
    counts[name] = Number(counted.rows[0]!.n);
  }
  return counts;
}
