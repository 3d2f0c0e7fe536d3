import { z } from 'zod';

/** Lower case with dashes; anything else in hexadecimal of that length is brought to that form, as the legacy server does. */
export function normaliseUuid(text: string): string {
  const bare = text
    .trim()
    .replace(/^urn:uuid:/i, '')
    .replace(/[{}-]/g, '')
    .toLowerCase();
  return /^[0-9a-f]{32}$/.test(bare) ? bare.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') : text;
}

const CANONICAL_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** An id. Any case and form is accepted, the canonical one comes out. */
export const Uuid = z
  .string()
  .overwrite((text) => (CANONICAL_UUID.test(text) ? text : normaliseUuid(text)))
  .guid();

/** ISO 8601, UTC, microseconds, `Z`: text from SQL to wire. */
export const Timestamp = z.string().meta({ format: 'date-time' });

/** Legacy faults that no JSON type expresses; `type` is the name the legacy server gave them. */
function fault(type: string, message: string, context?: Record<string, unknown>) {
  return { code: 'custom' as const, message, params: { type, ctx: context } };
}

/** Counted as people and PostgreSQL count: in code points. Counting is only needed where the cheap bound does not decide. */
function longerThan(text: string, limit: number): boolean {
  return text.length > limit && (text.length > 2 * limit || [...text].length > limit);
}

/** Text that PostgreSQL can keep: no NUL, no half of a surrogate pair. Lengths are in characters. */
export function Text({ min = 0, max }: { min?: number; max: number }) {
  return z
    .string()
    .superRefine((text, ctx) => {
      if (text.length < min || (text.length < 2 * min && [...text].length < min))
        ctx.addIssue(fault('string_too_short', `String should have at least ${min} character${min === 1 ? '' : 's'}`, { min_length: min }));
      if (longerThan(text, max))
        ctx.addIssue(fault('string_too_long', `String should have at most ${max} characters`, { max_length: max }));
      if (text.includes('\0')) ctx.addIssue(fault('string_unicode', 'String should not contain a NUL character'));
      if (!text.isWellFormed()) ctx.addIssue(fault('string_unicode', 'String should be valid Unicode'));
    })
    .meta({ ...(min > 0 ? { minLength: min } : {}), maxLength: max });
}

/** Deeper JSON than this is refused wherever it comes from. */
export const MAX_JSON_DEPTH = 32;

/** Why a JSON value cannot be kept, or undefined if it can. Walks without recursion, so that depth cannot exhaust the stack. */
export function jsonFault(value: unknown): string | undefined {
  const todo: [unknown, number][] = [[value, 1]];
  while (todo.length > 0) {
    const [item, depth] = todo.pop()!;
    if (typeof item === 'string') {
      if (item.includes('\0')) return 'Text should not contain a NUL character';
      if (!item.isWellFormed()) return 'Text should be valid Unicode';
    } else if (typeof item === 'object' && item !== null) {
      if (depth > MAX_JSON_DEPTH) return `JSON should not be nested deeper than ${MAX_JSON_DEPTH} levels`;
      if (Array.isArray(item)) for (const element of item) todo.push([element, depth + 1]);
      else for (const [key, element] of Object.entries(item)) todo.push([key, depth + 1], [element, depth + 1]);
    }
  }
  return undefined;
}

/** A list of JSON objects that the server keeps as they came, without looking inside. */
export function OpaqueObjects({ maxItems, maxBytes }: { maxItems: number; maxBytes: number }) {
  return z
    .array(z.record(z.string(), z.unknown()))
    .superRefine((items, ctx) => {
      if (items.length === 0) return;
      if (items.length > maxItems) ctx.addIssue(fault('too_long', `List should have at most ${maxItems} items`, { max_length: maxItems }));
      const why = jsonFault(items);
      if (why) ctx.addIssue(fault('json_value', why));
      else if (JSON.stringify(items).length > maxBytes)
        ctx.addIssue(fault('too_long', `List should have at most ${maxBytes} bytes of JSON`));
    })
    .meta({ maxItems });
}

/** An integer. As the legacy server did, `"7"` and `7.0` are taken for 7. */
export function Int({ min, max }: { min: number; max: number }) {
  return z
    .preprocess((value, ctx) => {
      if (typeof value === 'number' || value === null || value === undefined) return value;
      if (typeof value === 'string' && /^\s*[+-]?\d{1,15}\s*$/.test(value)) return Number(value);
      ctx.addIssue(fault('int_parsing', 'Input should be a valid integer'));
      return z.NEVER;
    }, z.int().min(min).max(max))
    .meta({ type: 'integer', minimum: min, maximum: max });
}

const TRUE = new Set(['true', '1', 'yes', 'on', 't', 'y']);
const FALSE = new Set(['false', '0', 'no', 'off', 'f', 'n']);

/** A boolean. As the legacy server did, 1, "true", "yes" … are taken for true, 0, "false", "no" … for false. */
export const Bool = z
  .preprocess((value, ctx) => {
    if (typeof value === 'boolean' || value === null || value === undefined) return value;
    // Of an object not even String() may be asked: a client can give it a toString that is none.
    const word = typeof value === 'string' || typeof value === 'number' ? String(value).toLowerCase() : '';
    if (TRUE.has(word)) return true;
    if (FALSE.has(word)) return false;
    ctx.addIssue(fault('bool_parsing', 'Input should be a valid boolean'));
    return z.NEVER;
  }, z.boolean())
  .meta({ type: 'boolean' });
