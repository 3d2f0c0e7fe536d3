import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError, type ClientBase } from 'pg';
import { legacyVariant, LegacyUnfit, missingRights } from './inspect';
import type { Variant } from './kinds';
import { legacySql, type LegacyScript } from './script';
import { legacyTables, schemaOf } from './tables';

export interface Prepared {
  readonly variant: Variant;
  /** What was run, or with `dryRun` would be; empty if the database is prepared already. */
  readonly statements: readonly string[];
}

/**
 * Makes the legacy database a data home: the schemas `banyan_*` with views over legacy's tables, their triggers and functions, the
 * roles of the domains, and indexes `banyan_*` on legacy's tables. Nothing else there changes, and legacy goes on working meanwhile.
 *
 * Can be repeated: does what is missing, also after it was stopped at any point, and remakes the views if their definition is an
 * older one. Side tables and their rows stay. `client` is one connection, in no transaction, that is used for nothing else meanwhile.
 *
 * @throws LegacyUnfit before anything is changed, if the tables are not legacy's or the user's rights do not suffice
 * @throws LegacyBusy if another preparation or removal is at work
 */
export async function prepareLegacy(client: ClientBase, { dryRun = false }: { dryRun?: boolean } = {}): Promise<Prepared> {
  const variant = await legacyVariant(client);
  const faults = await missingRights(client);
  if (faults.length) throw new LegacyUnfit(faults);
  return alone(client, async () => {
    const scripts = legacySql(variant);
    const schemas = await missingSchemas(client, scripts);
    const indexes = await missingIndexes(client, scripts);
    if (!dryRun) {
      if (schemas.length) await inOneTransaction(client, schemas);
      for (const statement of indexes) await client.query(statement);
    }
    return { variant, statements: [...schemas, ...indexes] };
  });
}

/**
 * Takes back all that `prepareLegacy` and the domains' side migrations have made, so that a dump of the schema is what it was
 * before. Rows of side tables are gone with it. Can be repeated.
 *
 * @returns the roles that stay, because other databases of the server use them or the user may not drop them
 * @throws LegacyBusy if another preparation or removal is at work
 */
export async function removeLegacy(client: ClientBase): Promise<{ rolesKept: string[] }> {
  return alone(client, async () => {
    const schemas = [...new Set(legacyTables.map(schemaOf))];
    // Indexes first: those that use a function of ours would go with its schema, under a lock that legacy would have to wait for.
    for (const { name } of await indexesOf(client)) await client.query(`DROP INDEX CONCURRENTLY IF EXISTS public."${name}"`);
    await inOneTransaction(client, [`DROP SCHEMA IF EXISTS ${schemas.join(', ')} CASCADE;`]);
    const rolesKept: string[] = [];
    for (const role of schemas) {
      const isDropped = await client.query(`DROP ROLE IF EXISTS ${role}`).then(
        () => true,
        (error: unknown) => {
          if (error instanceof DatabaseError) return false;
          throw error;
        },
      );
      if (!isDropped) rolesKept.push(role);
    }
    return { rolesKept };
  });
}

/** Another preparation or removal of this database is at work. */
export class LegacyBusy extends Error {
  override readonly name = 'LegacyBusy';

  constructor() {
    super('Another preparation or removal of this legacy database is at work: wait for it, then look again.');
  }
}

/** Tries the lock and never waits for it: a waiting query holds a snapshot, and CREATE INDEX CONCURRENTLY would wait for that. */
async function alone<Result>(client: ClientBase, work: () => Promise<Result>): Promise<Result> {
  const lock = `hashtextextended('banyan legacy home', 0)`;
  const { rows } = await client.query<{ locked: boolean }>(`SELECT pg_try_advisory_lock(${lock}) AS locked`);
  if (!rows[0]!.locked) throw new LegacyBusy();
  try {
    return await work();
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${lock})`).catch(() => undefined); // a lost connection has given it back
  }
}

/** Those that are not there, or were made by another version of the script. */
async function missingSchemas(client: ClientBase, scripts: readonly LegacyScript[]): Promise<string[]> {
  const { rows } = await client.query<{ comment: string | null }>(
    `SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = ANY($1)`,
    [scripts.map((script) => script.schema)],
  );
  const present = new Set(rows.map((row) => row.comment));
  return scripts.filter((script) => !present.has(script.fingerprint)).map((script) => script.sql);
}

/** A build that was stopped leaves an invalid index, which IF NOT EXISTS would take for the index. */
async function missingIndexes(client: ClientBase, scripts: readonly LegacyScript[]): Promise<string[]> {
  const present = new Map((await indexesOf(client)).map(({ name, valid }) => [name, valid]));
  return scripts
    .flatMap((script) => script.indexes)
    .flatMap(({ name, sql }) => {
      if (present.get(name)) return [];
      return present.has(name) ? [`DROP INDEX CONCURRENTLY public.${name};`, sql] : [sql];
    });
}

/** Ours are all those with our prefix: a removal also finds what an older version made. */
async function indexesOf(client: ClientBase): Promise<{ name: string; valid: boolean }[]> {
  const { rows } = await client.query<{ name: string; valid: boolean }>(
    `SELECT c.relname AS name, i.indisvalid AS valid FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname LIKE 'banyan\\_%'`,
  );
  return rows;
}

/** How long a lock is waited for at once: whoever comes after us waits as long behind us. Below PostgreSQL's deadlock_timeout. */
const LOCK_MS = 800;
const ATTEMPTS = 8;

/**
 * Legacy's own statements are never in the way: making and dropping views takes no lock that its reads and writes wait for. But new
 * code may be reading a view, or somebody altering a table, and everybody behind us waits as long as we do. So we give up early
 * (55P03; nothing has changed) and come again, after longer and longer pauses. Roles belong to the whole server, so a removal in another database can drop one between our look and our
 * use of it (42704): once more, then.
 */
async function inOneTransaction(client: ClientBase, statements: readonly string[], attempt = 1): Promise<void> {
  try {
    await client.query([`BEGIN; SET LOCAL lock_timeout = ${LOCK_MS};`, ...statements, 'COMMIT'].join('\n'));
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined); // fails only if the connection is lost, which the first error says
    if (attempt === ATTEMPTS || !(error instanceof DatabaseError && (error.code === '42704' || error.code === '55P03'))) throw error;
    if (error.code === '55P03') await sleep(100 * 2 ** attempt * Math.random());
    await inOneTransaction(client, statements, attempt + 1);
  }
}
