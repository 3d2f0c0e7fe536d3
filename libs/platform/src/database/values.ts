import { types } from 'pg';

/**
 * How PostgreSQL's values look in JavaScript, for one pool instead of the whole process. Instants stay text and keep their
 * microseconds (`2026-01-30T12:57:45.421392Z`), because a `Date` would cut them and a cursor made of it would skip rows.
 * `bigint` is a number while that is exact, else text; `date` and `numeric` are text; JSON is parsed.
 */
export const valueTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
    return parsers.get(oid) ?? (types.getTypeParser(oid, format ?? 'text') as (text: string) => unknown);
  },
};

const parsers = new Map<number, (text: string) => unknown>([
  [types.builtins.TIMESTAMP, instant],
  [types.builtins.TIMESTAMPTZ, instant],
  [types.builtins.DATE, String],
  [types.builtins.INT8, bigInteger],
  [1115, arrayOf(instant)],
  [1185, arrayOf(instant)],
  [1182, arrayOf(String)],
  [1016, arrayOf(bigInteger)],
]);

/** One-dimensional, as all of ours are; the elements are taken apart by the driver's parser of text[]. */
function arrayOf<T>(parse: (text: string) => T): (text: string) => (T | null)[] {
  const texts = types.getTypeParser(1009 as number, 'text') as (text: string) => (string | null)[];
  return (text) => texts(text).map((element) => (element === null ? null : parse(element)));
}

/** Sessions run in UTC with ISO dates, so a zone other than +00 cannot occur. `infinity` and years BC stay as PostgreSQL writes them. */
export function instant(text: string): string {
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00)?$/.exec(text);
  return match === null ? text : `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0')}Z`;
}

function bigInteger(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}
