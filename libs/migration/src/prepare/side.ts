import { type DomainName } from '@banyan/domains';
import { prepareDatabase } from '@banyan/platform/database/migrate';
import type { QueryRunner } from 'typeorm';
import { migrations } from '../../../../migrations/registry';
import type { Queryable } from './inspect';
import { legacyTables, schemaOf } from './tables';

const domainsThere = [...new Map(legacyTables.map((table) => [table.domain, schemaOf(table)]))] satisfies [DomainName, string][];

/** Runs the side histories of the domains in a prepared legacy database, whose schemas are there. Can be repeated. @throws StartupError */
export async function makeSideTables(url: string): Promise<void> {
  for (const [domain, schema] of domainsThere) {
    await prepareDatabase({ url, schema, role: schema, histories: { side: migrations[domain]!.side } });
  }
}

/** What `makeSideTables` would run there, without its bookkeeping (the table `migrations_side` of each schema). */
export async function pendingSideTables(database: Queryable): Promise<string[]> {
  const statements: string[] = [];
  for (const [domain, schema] of domainsThere) {
    const done = await namesOfDone(database, schema);
    const pending = migrations[domain]!.side.filter(({ name }) => !done.has(name));
    if (pending.length > 0) statements.push(`SET ROLE ${schema}; SET search_path = ${schema};`);
    const recorder = { query: (sql: string) => Promise.resolve(void statements.push(`${sql.trim()};`)) } as unknown as QueryRunner;
    for (const Migration of pending) await new Migration().up(recorder);
    if (pending.length > 0) statements.push('RESET ROLE; RESET search_path;');
  }
  return statements;
}

async function namesOfDone(database: Queryable, schema: string): Promise<Set<string>> {
  const { rows } = await database.query<{ there: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS there`, [`${schema}.migrations_side`]);
  if (!rows[0]!.there) return new Set();
  const done = await database.query<{ name: string }>(`SELECT name FROM ${schema}.migrations_side`);
  return new Set(done.rows.map(({ name }) => name));
}
