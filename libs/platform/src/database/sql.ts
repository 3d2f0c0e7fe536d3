import { createHash } from 'node:crypto';

/** What a statement takes. Objects are missing on purpose: JSON is passed as text, instants as ISO 8601 text, never as a `Date`. */
export type SqlValue = string | number | bigint | boolean | null | Uint8Array | readonly SqlValue[];

/** A named prepared statement with its values. `Row` is what the author says a row looks like; nothing checks it. */
export interface Statement<Row = Record<string, unknown>> {
  readonly name: string;
  readonly text: string;
  readonly values: readonly SqlValue[];
  /** Only for the compiler. */
  readonly row?: Row;
}

interface Prepared {
  readonly name: string;
  readonly text: string;
}

/** A template's strings are one object for the life of the program, so each place in the source pays for its text and hash once. */
const prepared = new WeakMap<TemplateStringsArray, Prepared>();

/**
 * SQL that can be pasted into psql once `${…}` are filled in: each becomes a parameter, never text. Every statement is prepared
 * once per connection under a name made from its text. There is no composition: a statement whose text varied with its input
 * would be prepared without end, and optional conditions can be written in SQL (`$1::uuid IS NULL OR …`).
 *
 * Tables of the domain's own schema may be named without it: `search_path` is the schema, on every data home.
 */
export function sql<Row = Record<string, unknown>>(strings: TemplateStringsArray, ...values: SqlValue[]): Statement<Row> {
  let statement = prepared.get(strings);
  if (statement === undefined) {
    const text = strings.reduce((before, after, index) => `${before}$${index}${after}`);
    // The name is all that a server keeps statements apart by: a text that changes with the next version has to change it too.
    statement = { text, name: `s_${createHash('sha256').update(text).digest('base64url').slice(0, 32)}` };
    prepared.set(strings, statement);
  }
  return { name: statement.name, text: statement.text, values };
}
