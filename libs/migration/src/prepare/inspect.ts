import type { ClientBase } from 'pg';
import { legacyTypes, variants, type Variant } from './kinds';
import { legacyTables, schemaOf } from './tables';

export type Queryable = Pick<ClientBase, 'query'>;

/** The database is not what `prepareLegacy` needs. `faults` has one sentence for each thing that is wrong or missing. */
export class LegacyUnfit extends Error {
  override readonly name = 'LegacyUnfit';

  constructor(readonly faults: readonly string[]) {
    super(`The legacy database cannot be prepared:\n${faults.map((fault) => `- ${fault}`).join('\n')}`);
  }
}

/**
 * Which of the two schemas in the field this database has. Decided by the types of the columns, because `alembic_version` only
 * tells what was once run.
 *
 * @throws LegacyUnfit naming each missing table or column, and each one of another type than either variant has
 */
export async function legacyVariant(database: Queryable): Promise<Variant> {
  const types = await columnTypes(database);
  const faults = variants.map((variant) => ({ variant, faults: misfits(types, variant) }));
  const match = faults.find((found) => found.faults.length === 0);
  if (match) return match.variant;
  throw new LegacyUnfit(faults.sort((one, other) => one.faults.length - other.faults.length)[0]!.faults);
}

/** Sentences on what the current user lacks to prepare this database; none if nothing. */
export async function missingRights(database: Queryable): Promise<string[]> {
  const schemas = [...new Set(legacyTables.map(schemaOf))];
  const { rows } = await database.query<{
    user: string;
    database: string;
    create: boolean;
    index: boolean;
    foreign: string[];
    absent: string[];
    barred: string[];
  }>(
    `SELECT current_user AS user, current_database() AS database,
       has_database_privilege(current_database(), 'CREATE') AS create, has_schema_privilege('public', 'CREATE') AS index,
       ARRAY(SELECT relname::text FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = ANY($1) AND NOT pg_has_role(relowner, 'USAGE')
             ORDER BY relname) AS foreign,
       ARRAY(SELECT name FROM unnest($2::text[]) name
             WHERE NOT mayCreateRoles AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)) AS absent,
       ARRAY(SELECT rolname::text FROM pg_roles
             WHERE NOT mayCreateRoles AND rolname = ANY($2) AND NOT pg_has_role(oid, 'MEMBER') ORDER BY rolname) AS barred
     FROM (SELECT rolsuper OR rolcreaterole AS mayCreateRoles FROM pg_roles WHERE rolname = current_user) AS own`,
    [legacyNames(), schemas],
  );
  const { user, database: name, create, index, foreign, absent, barred } = rows[0]!;
  return [
    ...(create ? [] : [`${user} may not create schemas: GRANT CREATE ON DATABASE "${name}" TO "${user}"`]),
    ...(index ? [] : [`${user} may not create indexes beside legacy's: GRANT CREATE ON SCHEMA public TO "${user}"`]),
    ...(foreign.length ? [`${user} does not own the tables ${foreign.join(', ')}: prepare with the login that owns them`] : []),
    ...(absent.length
      ? [
          `${user} may not create the roles ${absent.join(', ')}: ALTER ROLE "${user}" CREATEROLE, or have them created (NOLOGIN) and granted to "${user}"`,
        ]
      : []),
    ...(barred.length ? [`${user} is no member of the roles ${barred.join(', ')}: GRANT ${barred.join(', ')} TO "${user}"`] : []),
  ];
}

/** Every legacy table that the views and triggers touch. */
function legacyNames(): string[] {
  return [...new Set(legacyTables.flatMap((table) => [table.legacy, ...(table.referredToBy ?? []).map((reference) => reference.table)]))];
}

/** `table` and `table.column` to type. */
async function columnTypes(database: Queryable): Promise<Map<string, string>> {
  const { rows } = await database.query<{ name: string; column: string; type: string }>(
    `SELECT c.relname AS name, a.attname AS column, format_type(a.atttypid, NULL) AS type
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND c.relname = ANY($1)`,
    [legacyNames()],
  );
  return new Map(rows.flatMap(({ name, column, type }) => [[name, 'table'] as const, [`${name}.${column}`, type] as const]));
}

function misfits(types: ReadonlyMap<string, string>, variant: Variant): string[] {
  const expected = legacyTables.flatMap((table) => [
    ...Object.entries(table.columns).flatMap(([name, column]) =>
      column.from ? [] : { table: table.legacy, name, allowed: legacyTypes(column, variant) },
    ),
    ...(table.referredToBy ?? []).map((reference) => ({ table: reference.table, name: reference.column, allowed: ['uuid'] })),
  ]);
  const faults = expected.flatMap(({ table, name, allowed }) => {
    if (!types.has(table))
      return [`table public.${table} is missing: is this the legacy database, and has the legacy application run on it?`];
    const type = types.get(`${table}.${name}`);
    if (type === undefined) return [`column public.${table}.${name} is missing`];
    return allowed.includes(type) ? [] : [`column public.${table}.${name} is ${type}, not ${allowed.join(' or ')}`];
  });
  return [...new Set(faults)];
}
