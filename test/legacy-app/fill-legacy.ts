import { createHash } from 'node:crypto';
import { hash } from '@node-rs/bcrypt';
import type { Client } from 'pg';
import * as tables from './fill-tables';
import { oddities } from './oddities';

/** Of every account. */
export const FILLED_PASSWORD = 'correct-horse-1';

export interface Filling {
  readonly users: number;
  readonly messages: number;
  /** An integer. The same seed, sizes, cost and time make the same rows. */
  readonly seed: number;
  /** Of the password hashes; legacy's by default. */
  readonly bcryptCost?: number;
  /** When the last row was written, in UTC: invitations of the day before are open for six days more. */
  readonly now?: string;
}

export interface FillReport {
  readonly password: string;
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** How many of each there are, counted in the database. */
  readonly oddities: Readonly<Record<string, number>>;
}

/**
 * Fills an empty database of either variant, in one transaction. The client has to be a superuser's: references are right by
 * construction and not checked row by row.
 *
 * Other tables are in proportion: about four contacts and a fifth of an invitation for each user, a group for 50 users, an attachment for
 * 100 messages, a group message for 20. 100,000 users and 2,000,000 messages took 135 s (two shared cores, busy with other work, fsync
 * off).
 */
export async function fillLegacy(client: Client, filling: Filling): Promise<FillReport> {
  const { users, messages, seed, bcryptCost = 12, now = '2026-11-01 00:00:00' } = filling;
  if (!Number.isSafeInteger(seed)) throw new Error('the seed has to be an integer');
  const sizes: tables.Sizes = {
    users,
    messages,
    contacts: users * 2,
    invitations: Math.max(300, Math.ceil(users / 5)),
    attachments: Math.max(100, Math.ceil(messages / 100)),
    groups: Math.max(100, Math.ceil(users / 50)),
    groupMessages: Math.max(400, Math.ceil(messages / 20)),
  };
  const hashes = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => passwordHash(`${seed} ${n}`, bcryptCost)));
  const [hashesOf2b, hashesOf2y] = [hashes.slice(0, 4), hashes.slice(4)].map((some, i) =>
    some.map((made) => made.replace(/^\$2\w/, i === 0 ? '$2b' : '$2y')),
  );
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL session_replication_role = replica; SET LOCAL timezone = 'UTC'; SET LOCAL synchronous_commit = off`);
    await client.query(functions(seed, now));
    const place = { now, hashes: hashesOf2b!, otherHashes: hashesOf2y!, ...(await variantOf(client)) };
    await client.query(tables.users(sizes, place));
    await client.query(tables.contacts(sizes));
    await client.query(tables.invitations(sizes, place));
    await client.query(tables.messages(sizes, place));
    await client.query(tables.attachments(sizes, place));
    await client.query(tables.groups(sizes));
    await client.query(tables.groupMembers(sizes));
    await client.query(tables.groupMessages(sizes));
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
  await client.query('ANALYZE');
  return { password: FILLED_PASSWORD, rows: await countRows(client), oddities: await countOddities(client) };
}

/** One text for each table that any difference in its rows would change. */
export async function checksumLegacy(client: Client): Promise<Record<string, string>> {
  const sums: Record<string, string> = {};
  for (const table of await tableNames(client)) {
    const { rows } = await client.query<{ sum: string }>(`SELECT md5(string_agg(md5(t::text), '' ORDER BY id)) AS sum FROM ${table} t`);
    sums[table] = rows[0]!.sum;
  }
  return sums;
}

/** The salt comes from the seed, so that the rows do. */
function passwordHash(saltedWith: string, cost: number): Promise<string> {
  const salt = createHash('sha256').update(saltedWith).digest().subarray(0, 16);
  return hash(FILLED_PASSWORD, cost, salt);
}

/** What the statements are made of. Bodies are single expressions, which PostgreSQL puts into the statements. */
function functions(seed: number, now: string): string {
  const define = (name: string, returns: string, body: string) =>
    `CREATE OR REPLACE FUNCTION pg_temp.${name} RETURNS ${returns} LANGUAGE sql IMMUTABLE AS $$ SELECT ${body} $$;`;
  const unique = `convert_to('${seed}/' || kind || '/' || i, 'UTF8')`;
  return [
    define('id(kind text, i bigint)', 'uuid', `overlay(overlay(md5(${unique}) PLACING '4' FROM 13) PLACING 'a' FROM 17)::uuid`),
    define('token(kind text, i bigint)', 'text', `rtrim(translate(encode(sha256(${unique}), 'base64'), '+/', '-_'), '=')`),
    define(
      'roll(kind text, i bigint, n bigint)',
      'bigint',
      `(hashint8extended(i, hashtextextended(kind, ${seed})) & 9223372036854775807) % n`,
    ),
    // Three years up to now; every tenth without a fraction, as every millionth would be.
    define(
      'at(i bigint, n bigint)',
      'timestamp',
      `date_trunc('second', '${now}'::timestamp - make_interval(secs => 94608000.0 * (n - i + 1) / (n + 1)))
         + CASE WHEN i % 10 = 0 THEN 0 ELSE pg_temp.roll('at', i, 1000000) END * interval '1 microsecond'`,
    ),
    define(
      'email(i bigint)',
      'text',
      `CASE WHEN i % 500 = 0 THEN 'User' || (i - 1) ELSE 'user' || i END || '@' || CASE WHEN i % 401 = 7 THEN 'bücher.example' ELSE 'example.com' END`,
    ),
    define('unwrapped(plain text)', 'text', `replace(encode(convert_to(plain, 'UTF8'), 'base64'), E'\\n', '')`),
    define(
      'jwk(kind text, i bigint)',
      'text',
      `'{"crv":"P-256","ext":true,"key_ops":[],"kty":"EC","x":"' || pg_temp.token(kind || 'x', i) || '","y":"' || pg_temp.token(kind || 'y', i) || '"}'`,
    ),
    define('key(kind text, i bigint)', 'text', `pg_temp.unwrapped(pg_temp.jwk(kind, i))`),
    define(
      'envelope(token text)',
      'text',
      `pg_temp.unwrapped('{"v":"1","alg":"ECDH-AES256-GCM","epk":{"crv":"P-256","kty":"EC","x":"' || token || '","y":"' || reverse(token)
         || '"},"iv":"' || left(token, 16) || '","salt":"' || right(token, 22) || '==","ct":"' || token || '="}')`,
    ),
  ].join('\n');
}

async function variantOf(client: Client): Promise<Pick<tables.Place, 'isBytea' | 'takesUnlinked'>> {
  const { rows } = await client.query<{ is_bytea: boolean; takes_unlinked: boolean }>(
    `SELECT bool_or(table_name = 'messages' AND column_name = 'encrypted_content' AND data_type = 'bytea') AS is_bytea,
            bool_or(table_name = 'media_attachments' AND column_name = 'message_id' AND is_nullable = 'YES') AS takes_unlinked
     FROM information_schema.columns WHERE table_schema = current_schema()`,
  );
  return { isBytea: rows[0]!.is_bytea, takesUnlinked: rows[0]!.takes_unlinked };
}

async function tableNames(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'alembic_version' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

async function countRows(client: Client): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of await tableNames(client)) counts[table] = await count(client, `SELECT count(*) FROM ${table}`);
  return counts;
}

async function countOddities(client: Client): Promise<Record<string, number>> {
  for (const [type, text] of [
    ['text', 'content'],
    ['bytea', `encode(content, 'escape')`],
  ]) {
    await client.query(
      `CREATE OR REPLACE FUNCTION pg_temp.text_of(content ${type}) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT ${text} $$`,
    );
  }
  const counts: Record<string, number> = {};
  for (const [name, query] of Object.entries(oddities)) counts[name] = await count(client, query);
  return counts;
}

async function count(client: Client, query: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>({ text: query });
  return Number(Object.values(rows[0]!)[0]);
}
