import { createHash } from 'node:crypto';
import { keysOf, textOf, trigramsOf } from './conversions';
import { read, variants, type Variant } from './kinds';
import { legacyTables, schemaOf, type LegacyTable } from './tables';
import { pendingTable, triggers } from './triggers';

/** What makes one domain's schema in the legacy database. */
export interface LegacyScript {
  readonly domain: LegacyTable['domain'];
  readonly schema: string;
  /** Many statements, for one transaction. Can be run again: side tables and their rows stay, views and triggers are made anew. */
  readonly sql: string;
  /** The last statement of `sql` leaves it in the schema's comment, so that a schema made by the same script can be told. */
  readonly fingerprint: string;
  /** Built without a transaction: CONCURRENTLY lets legacy write meanwhile. */
  readonly indexes: readonly { name: string; sql: string }[];
}

/** The scripts of all domains that have tables in the legacy database. Run them together: auth's triggers write a side table of user's. */
export function legacySql(variant: Variant): LegacyScript[] {
  const names = [...new Set(legacyTables.map((table) => table.domain))];
  return names.map((domain) => {
    const tables = legacyTables.filter((table) => table.domain === domain);
    const schema = schemaOf(tables[0]!);
    const body = [role(schema), ...conversions(tables, variant), ...tables.flatMap((table) => view(table, variant))].join('\n\n');
    const fingerprint = `banyan views ${createHash('sha256').update(body).digest('hex').slice(0, 16)}`;
    return {
      domain,
      schema,
      sql: `${body}\n\nCOMMENT ON SCHEMA ${schema} IS '${fingerprint}';`,
      fingerprint,
      indexes: tables.flatMap((table) => indexes(table, variant)),
    };
  });
}

/** The committed form, `migrations/legacy`: file name to content. A domain whose script is the same in both variants has one file. */
export function legacyFiles(): Record<string, string> {
  const files = variants.flatMap((variant) =>
    legacySql(variant).map((script) => ({ variant, domain: script.domain, content: render(script) })),
  );
  return Object.fromEntries(
    files.map(({ variant, domain, content }) => {
      const isShared = files.every((other) => other.domain !== domain || other.content === content);
      return [isShared ? `${domain}.sql` : `${domain}.${variant}.sql`, content];
    }),
  );
}

function render({ sql, indexes }: LegacyScript): string {
  const lines = [
    '-- Generated from libs/migration/src/prepare/tables.ts: change that, build, run dist/migrations/legacy/generate.js.',
    'BEGIN;',
    sql,
    'COMMIT;',
  ];
  return [...lines, ...indexes.map((index) => index.sql)].join('\n\n') + '\n';
}

/**
 * The role that a domain's connections take on, and its rights. It may add side tables to its schema. It may change legacy's tables
 * through the views only. Who prepares the database becomes a member, so that the same login can take the role on.
 */
function role(schema: string): string {
  return `DO $body$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${schema}') THEN
    CREATE ROLE ${schema} NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- made at the same moment for another database of this server
END
$body$;
DO $body$
BEGIN
  IF NOT pg_has_role(current_user, '${schema}', 'MEMBER') THEN
    GRANT ${schema} TO CURRENT_USER;
  END IF;
END
$body$;
CREATE SCHEMA IF NOT EXISTS ${schema};
GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${schema};`;
}

function conversions(tables: readonly LegacyTable[], variant: Variant): string[] {
  const schema = schemaOf(tables[0]!);
  const kinds = new Set(tables.flatMap((table) => Object.values(table.columns).map((column) => column.kind)));
  const isSearched = tables.some((table) => table.indexes?.some(({ of }) => of.some((key) => key.includes('trigrams_of'))));
  return [
    ...(kinds.has('bytes') || (kinds.has('content') && variant === 'bytea') ? [textOf(schema)] : []),
    ...(kinds.has('keys') ? [keysOf(schema)] : []),
    ...(isSearched ? [trigramsOf(schema)] : []),
  ];
}

function view(table: LegacyTable, variant: Variant): string[] {
  const schema = schemaOf(table);
  const name = `${schema}.${table.name}`;
  const columns = Object.keys(table.columns).map((column) => `  ${read(table, column, variant)} AS ${column},`);
  const defaults = Object.entries(table.columns).flatMap(([column, { default: value }]) =>
    value === undefined ? [] : [`ALTER VIEW ${name} ALTER COLUMN ${column} SET DEFAULT ${value};`],
  );
  const { partOf } = table;
  return [
    ...(partOf ? [`CREATE TABLE IF NOT EXISTS ${pendingTable(table, partOf)} (id uuid PRIMARY KEY);`] : []),
    [
      `DROP VIEW IF EXISTS ${name};`,
      `CREATE VIEW ${name} AS SELECT`,
      ...columns,
      `  b.xmin AS row_version`,
      `FROM public.${table.legacy} b${shown(table)};`,
      ...defaults,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} TO ${schema};`,
    ].join('\n'),
    ...triggers(table, variant),
  ];
}

/** Which of legacy's rows are rows of the view. */
function shown(table: LegacyTable): string {
  const { partOf, merged } = table;
  if (partOf) return `\nWHERE NOT EXISTS (SELECT FROM ${pendingTable(table, partOf)} p WHERE p.id = b.id)`;
  if (!merged) return '';
  const place = [...merged.order, 'b.id'];
  const same = merged.by.map((column) => `d.${column} = b.${column}`);
  const before = `(${place.map((key) => key.replaceAll(/\bb\./g, 'd.')).join(', ')}) < (${place.join(', ')})`;
  return `\nWHERE NOT EXISTS (SELECT FROM public.${table.legacy} d WHERE ${[...same, before].join(' AND ')})`;
}

function indexes(table: LegacyTable, variant: Variant): { name: string; sql: string }[] {
  return (table.indexes ?? []).map((index) => {
    const name = `banyan_${table.name}_${index.name}`;
    const keys = index.of.map((key) => (table.columns[key] ? read(table, key, variant, '') : key));
    const method = index.using ? ` USING ${index.using}` : '';
    return { name, sql: `CREATE INDEX CONCURRENTLY IF NOT EXISTS ${name} ON public.${table.legacy}${method} (${keys.join(', ')});` };
  });
}
