import type { z } from 'zod';
import { domainError } from '../contract';

/** One thing wrong with an input, in the legacy server's words (`type`, `loc`, `msg`, `input`, `ctx`). */
export interface Fault {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input?: unknown;
  readonly ctx?: unknown;
}

/** `extra.errors` lists the faults in the order of the fields; `detail` says them as a text, which people see. */
export const InvalidInput = domainError('invalid_input', { status: 422, detail: 'Invalid input' });

const SECRET = /password|token|secret|private/i;

/** Every fault of `input`, with `loc` below the input (the edge puts path, query or body before it). Secrets are not repeated. */
export function faultsOf(error: z.ZodError, input: unknown): Fault[] {
  return error.issues.map((issue) => {
    const loc = issue.path as (string | number)[];
    const offending = valueAt(input, loc);
    const { type, msg, ctx } = describe(issue, offending);
    const shown = type === 'missing' ? valueAt(input, loc.slice(0, -1)) : offending;
    return { type, loc, msg, ...(shown === undefined ? {} : { input: shorten(shown, String(loc.at(-1) ?? '')) }), ...(ctx ? { ctx } : {}) };
  });
}

/** One line for people: the field and what is wrong with it. */
export function sentenceOf(faults: readonly Fault[]): string {
  return faults.map(({ loc, msg }) => (loc.length > 0 ? `${loc.join('.')}: ${msg}` : msg)).join('; ');
}

function describe(issue: z.core.$ZodIssue, offending: unknown): { type: string; msg: string; ctx?: unknown } {
  switch (issue.code) {
    case 'invalid_type':
      if (offending === undefined) return { type: 'missing', msg: 'Field required' };
      return TYPES[issue.expected] ?? { type: `${issue.expected}_type`, msg: `Input should be a valid ${issue.expected}` };
    case 'invalid_format':
      if (issue.format === 'guid' || issue.format === 'uuid') return { type: 'uuid_parsing', msg: 'Input should be a valid UUID' };
      return { type: 'value_error', msg: issue.message };
    case 'too_small':
      return {
        type: 'greater_than_equal',
        msg: `Input should be greater than or equal to ${issue.minimum}`,
        ctx: { ge: Number(issue.minimum) },
      };
    case 'too_big':
      return { type: 'less_than_equal', msg: `Input should be less than or equal to ${issue.maximum}`, ctx: { le: Number(issue.maximum) } };
    case 'custom': {
      const params = issue.params as { type?: string; ctx?: unknown } | undefined;
      return { type: params?.type ?? 'value_error', msg: issue.message, ctx: params?.ctx };
    }
    default:
      return { type: 'value_error', msg: issue.message };
  }
}

const TYPES: Readonly<Record<string, { type: string; msg: string }>> = {
  string: { type: 'string_type', msg: 'Input should be a valid string' },
  number: { type: 'int_parsing', msg: 'Input should be a valid integer' },
  int: { type: 'int_parsing', msg: 'Input should be a valid integer' },
  boolean: { type: 'bool_parsing', msg: 'Input should be a valid boolean' },
  array: { type: 'list_type', msg: 'Input should be a valid list' },
  record: { type: 'dict_type', msg: 'Input should be a valid dictionary' },
  object: { type: 'model_attributes_type', msg: 'Input should be a valid dictionary or object to extract fields from' },
};

function valueAt(input: unknown, loc: readonly (string | number)[]): unknown {
  return loc.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[key] : undefined),
    input,
  );
}

/** The offending value is repeated to help a developer, never a secret and never at length. */
function shorten(value: unknown, key: string): unknown {
  if (SECRET.test(key)) return '***';
  if (typeof value === 'string') return value.length > 100 ? `${value.slice(0, 100).toWellFormed()}…` : value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return Object.fromEntries(
    Object.keys(value)
      .slice(0, 20)
      .map((name) => [name.slice(0, 100).toWellFormed(), '…']),
  );
}
