import { domains, type DomainName } from '@banyan/domains';
import { DatabaseError } from 'pg';
import { withLegacy } from '../prepare/prepared';
import { legacyTables, schemaOf } from '../prepare/tables';

/** What only says what was done already: nothing is lost with it once the rows it speaks of are gone. */
const BOOKKEEPING = ['migrations_side', 'migrations_tables', 'leases', 'inbox', 'published', 'request_keys'];

/** Tables of a domain's schema that have rows, those behind views left out; empty if the schema or the database is not there. */
export async function tablesWithRows(url: string, domain: DomainName): Promise<string[]> {
  const { schema } = domains[domain] as { schema?: string };
  try {
    return await withLegacy(url, async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' AND relname <> ALL ($2) ORDER BY relname`,
        [schema, BOOKKEEPING],
      );
      return filterAsync(
        rows.map(({ name }) => `${schema}.${name}`),
        (table) => hasRows(client, table),
      );
    });
  } catch (error) {
    if (error instanceof DatabaseError && error.code === '3D000') return [];
    throw error;
  }
}

/** Legacy's own tables of a domain that have rows. */
export function legacyTablesWithRows(url: string, domain: DomainName): Promise<string[]> {
  const schema = (domains[domain] as { schema?: string }).schema;
  const tables = [...new Set(legacyTables.filter((table) => schemaOf(table) === schema).map(({ legacy }) => `public.${legacy}`))];
  return withLegacy(url, (client) => filterAsync(tables, (table) => hasRows(client, table)));
}

type Client = Parameters<Parameters<typeof withLegacy>[1]>[0];

async function hasRows(client: Client, table: string): Promise<boolean> {
  return (await client.query(`SELECT FROM ${table} LIMIT 1`)).rowCount === 1;
}

async function filterAsync<T>(items: readonly T[], holds: (item: T) => Promise<boolean>): Promise<T[]> {
  const kept: T[] = [];
  for (const item of items) if (await holds(item)) kept.push(item);
  return kept;
}
