import { schemaOf, type Column, type LegacyTable } from './tables';

/** How legacy keeps the contents of messages: `text` if the application made the database, `bytea` if the migration files did. */
export type Variant = 'text' | 'bytea';
export const variants: readonly Variant[] = ['text', 'bytea'];

/** SQL that reads a legacy column as the new side's type. `row` is the alias of the legacy row, with its dot, or empty. */
export function read(table: LegacyTable, name: string, variant: Variant, row = 'b.'): string {
  const column = columnOf(table, name);
  const { kind, type, fill, from } = column;
  if (from !== undefined) return from;
  const raw = `${row}${name}`;
  switch (kind) {
    case 'plain':
      return fill === undefined ? raw : `COALESCE(NULLIF(${raw}, ''), ${fill})::${type}`;
    case 'time':
      return `(${fill === undefined ? raw : `COALESCE(${raw}, ${fill})`} AT TIME ZONE 'UTC')`;
    case 'boolean':
      return `COALESCE(${raw}, ${fill})`;
    case 'bytes':
      return `${schemaOf(table)}.text_of(${raw})`;
    case 'content':
      return variant === 'text' ? raw : `${schemaOf(table)}.text_of(${raw})`;
    case 'json':
      return `COALESCE(CASE WHEN json_typeof(${raw}) <> 'null' THEN ${raw} END, ${fill}::json)`;
    case 'keys':
      return `${schemaOf(table)}.keys_of(${raw})`;
  }
}

/** SQL that turns a value of the new side (an expression without operators) into what legacy keeps. */
export function write(column: Column, value: string, variant: Variant): string {
  switch (column.kind) {
    case 'plain':
    case 'boolean':
    case 'json':
      return value;
    case 'time':
      return `${value} AT TIME ZONE 'UTC'`;
    case 'bytes':
      return `convert_to(${value}, 'UTF8')`;
    case 'content':
      return variant === 'text' ? value : `convert_to(${value}, 'UTF8')`;
    case 'keys':
      return `${value}::json`;
  }
}

/** SQL condition: the two values differ. Type json has no equality of its own. */
export function differ(column: Column, one: string, other: string): string {
  return column.kind === 'json' ? `${one}::text IS DISTINCT FROM ${other}::text` : `${one} IS DISTINCT FROM ${other}`;
}

/** The types, as `format_type` names them, that a legacy column may have. */
export function legacyTypes({ kind, type }: Column, variant: Variant): string[] {
  switch (kind) {
    case 'plain':
      return type === 'text' || type.startsWith('varchar') ? ['character varying', 'text'] : [type];
    case 'time':
      return ['timestamp without time zone'];
    case 'boolean':
      return ['boolean'];
    case 'bytes':
      return ['bytea'];
    case 'content':
      return variant === 'text' ? ['character varying', 'text'] : ['bytea'];
    case 'json':
    case 'keys':
      return ['json'];
  }
}

function columnOf(table: LegacyTable, name: string): Column {
  const column = table.columns[name];
  if (!column) throw new Error(`${schemaOf(table)}.${table.name} has no column ${name}`);
  return column;
}
