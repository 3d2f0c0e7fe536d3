import { differ, write, type Variant } from './kinds';
import { legacyTables, schemaOf, type LegacyTable } from './tables';

/**
 * The INSTEAD OF triggers of a view.
 *
 * A trigger sees the row as the statement's snapshot had it, and nobody looks again after a wait for another writer's lock. So the
 * view carries `xmin` as `row_version`, every change is guarded with it, and only columns that the statement changed are written:
 * without the first, two claims of one row both succeed; without the second, nulls and odd values that a view only shows filled
 * or repaired would be overwritten, and so would a concurrent change of another column.
 *
 * The functions run with the rights of who prepared the database, so that a domain's role can change through its views what it may
 * not touch directly. Nobody else may execute them; names are qualified, and nothing is found through `search_path` but `pg_catalog`.
 */
export function triggers(table: LegacyTable, variant: Variant): string[] {
  return [
    trigger(table, 'insert', table.partOf ? insertPart(table, table.partOf, variant) : insertRow(table, variant)),
    trigger(table, 'update', updateRow(table, variant)),
    trigger(table, 'delete', table.partOf ? deletePart(table, table.partOf, variant) : deleteRow(table)),
  ];
}

/** The side table that says which rows of `whole` lack the part that `part` describes. */
export const pendingTable = (part: LegacyTable, { pending }: NonNullable<LegacyTable['partOf']>): string => `${schemaOf(part)}.${pending}`;

/** The columns that writes through the view reach: `id` never changes. */
function writable(table: LegacyTable) {
  return Object.entries(table.columns).filter(([name, column]) => name !== 'id' && !column.copy);
}

/** Another row in the way: nothing happens, as with ON CONFLICT DO NOTHING. A trigger cannot see whether the statement said so. */
function insertRow(table: LegacyTable, variant: Variant): string {
  const values = {
    id: 'NEW.id',
    ...Object.fromEntries(writable(table).map(([name, column]) => [name, write(column, `NEW.${name}`, variant)])),
    ...table.alsoInserted,
  };
  const pendings = partsOf(table).map((pending) => `\n  INSERT INTO ${pending} (id) VALUES (NEW.id) ON CONFLICT DO NOTHING;`);
  return `${refused(table)}${another(table)}  INSERT INTO public.${table.legacy} (${Object.keys(values).join(', ')})
  VALUES (${Object.values(values).join(', ')})
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;${pendings.join('')}
  RETURN NEW;`;
}

/**
 * Without a unique index nobody stands in the way, so whoever adds such a row waits for the others who do, and looks. Legacy's own program does
 * neither; what it adds meanwhile is merged in reading.
 */
function another(table: LegacyTable): string {
  const { merged } = table;
  if (!merged) return '';
  const pair = merged.by.map((column) => `NEW.${column}::text`).join(" || ' ' || ");
  return `  PERFORM pg_advisory_xact_lock(hashtextextended('${schemaOf(table)}.${table.name} ' || ${pair}, 0));
  IF EXISTS (SELECT FROM public.${table.legacy} d WHERE ${sameAs('NEW', table)}) THEN RETURN NULL; END IF;
`;
}

/** The rows `d` of legacy's that are one with the row. */
const sameAs = (row: 'NEW' | 'OLD', { merged }: LegacyTable): string =>
  merged!.by.map((column) => `d.${column} = ${row}.${column}`).join(' AND ');

/** Looked up anew each time: legacy's own repair can lift the restriction. */
function refused({ legacy, refusedWithout: column }: LegacyTable): string {
  if (column === undefined) return '';
  return `  IF NEW.${column} IS NULL AND EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = 'public.${legacy}'::regclass AND attname = '${column}' AND attnotnull) THEN RETURN NULL; END IF;
`;
}

function updateRow(table: LegacyTable, variant: Variant): string {
  const changes = writable(table).map(
    ([name, column]) =>
      `    ${name} = CASE WHEN ${differ(column, `NEW.${name}`, `OLD.${name}`)} THEN ${write(column, `NEW.${name}`, variant)} ELSE b.${name} END`,
  );
  return `  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.${table.legacy} b SET
${changes.join(',\n')}
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN${table.merged ? `\n${updateDoubles(table, variant)}    ` : ' '}RETURN NEW;${table.merged ? '\n ' : ''} END IF;
${notFound(table)}`;
}

/** Also those that are not shown: one of them would be, when what is before it goes. */
function updateDoubles(table: LegacyTable, variant: Variant): string {
  const changes = writable(table).map(
    ([name, column]) =>
      `      ${name} = CASE WHEN ${differ(column, `NEW.${name}`, `OLD.${name}`)} THEN ${write(column, `NEW.${name}`, variant)} ELSE d.${name} END`,
  );
  return `    UPDATE public.${table.legacy} d SET
${changes.join(',\n')}
    WHERE ${sameAs('OLD', table)} AND d.id <> OLD.id;
`;
}

/** Locks the row first: afterwards nobody can add what refers to it, so what is removed before it is complete. */
function deleteRow(table: LegacyTable): string {
  const references = (table.referredToBy ?? []).map(({ table: other, column, onDelete }) =>
    onDelete === 'delete'
      ? `  DELETE FROM public.${other} WHERE ${column} = OLD.id;\n`
      : `  UPDATE public.${other} SET ${column} = NULL WHERE ${column} = OLD.id;\n`,
  );
  const pendings = partsOf(table).map((pending) => `  DELETE FROM ${pending} WHERE id = OLD.id;\n`);
  if (references.length + pendings.length === 0) {
    const doubles = table.merged
      ? `\n    DELETE FROM public.${table.legacy} d WHERE ${sameAs('OLD', table)};\n    RETURN OLD;\n `
      : ' RETURN OLD;';
    return `  DELETE FROM public.${table.legacy} b WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN${doubles} END IF;
${notFound(table)}`;
  }
  return `${pendings.join('')}  PERFORM FROM public.${table.legacy} b WHERE b.id = OLD.id AND b.xmin = OLD.row_version FOR UPDATE;
  IF FOUND THEN
${references.map((line) => `  ${line}`).join('')}    DELETE FROM public.${table.legacy} WHERE id = OLD.id;
    RETURN OLD;
  END IF;
${notFound(table)}`;
}

/** The row exists without this part until now: to insert is to take it off the list of those and to fill its columns. */
function insertPart(table: LegacyTable, partOf: NonNullable<LegacyTable['partOf']>, variant: Variant): string {
  const values = writable(table).map(([name, column]) => `    ${name} = ${write(column, `NEW.${name}`, variant)}`);
  return `  DELETE FROM ${pendingTable(table, partOf)} WHERE id = NEW.id;
  IF NOT FOUND AND EXISTS (SELECT FROM public.${table.legacy} WHERE id = NEW.id) THEN RETURN NULL; END IF;
  UPDATE public.${table.legacy} SET
${values.join(',\n')}
  WHERE id = NEW.id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no row % to be a part of', NEW.id USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NEW;`;
}

function deletePart(table: LegacyTable, partOf: NonNullable<LegacyTable['partOf']>, variant: Variant): string {
  const values = writable(table).map(([name, column]) => `${name} = ${write(column, column.fill ?? 'NULL', variant)}`);
  return `  UPDATE public.${table.legacy} b SET ${values.join(', ')}
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN
    INSERT INTO ${pendingTable(table, partOf)} (id) VALUES (OLD.id) ON CONFLICT DO NOTHING;
    RETURN OLD;
  END IF;
${notFound(table)}`;
}

/**
 * A row that is gone does not count, as with a table; nor does one that this statement has changed already (a join that gives the
 * row twice). Changed by somebody else: the statement has to be run again, on what is there now.
 */
function notFound(table: LegacyTable): string {
  return `  SELECT b.xmin INTO current_version FROM public.${table.legacy} b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';`;
}

function partsOf(whole: LegacyTable): string[] {
  return legacyTables.flatMap((table) =>
    table.partOf?.domain === whole.domain && table.partOf.table === whole.name ? [pendingTable(table, table.partOf)] : [],
  );
}

function trigger(table: LegacyTable, event: 'insert' | 'update' | 'delete', body: string): string {
  const name = `${schemaOf(table)}.${table.name}_${event}`;
  const declare = body.includes('current_version') ? 'DECLARE current_version xid;\n' : '';
  return `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
${declare}BEGIN
${body}
END
$body$;
REVOKE ALL ON FUNCTION ${name}() FROM PUBLIC;
CREATE TRIGGER banyan_${event} INSTEAD OF ${event.toUpperCase()} ON ${schemaOf(table)}.${table.name}
  FOR EACH ROW EXECUTE FUNCTION ${name}();`;
}
