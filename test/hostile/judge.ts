import { join } from 'node:path';
import type { Operation } from '@banyan/platform/contract';
import { TEST_SECRET } from '../support/banyan';
import type { Answer } from './raw-http';

const CHECKOUT = join(__dirname, '../..');

/** Signs of our inside: files, stacks, statements, secrets, drivers. What a client sent is not repeated in these words. */
const INSIDE = [
  CHECKOUT,
  TEST_SECRET,
  'node_modules',
  'node:internal',
  'banyan_',
  'argon2',
  '$2b$',
  'ECONNREFUSED',
  /\.[jt]s:\d/,
  /\bat \S+ \(/,
  /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|RETURNING)\b/,
  /\b(syntax error|invalid byte sequence|relation|violates|postgres|pg_)\b/i,
];

/** What is wrong with an answer to bad input; undefined if nothing is: a 4xx in words, or a correct success. */
export function offenceOf({ status, text, headers }: Answer, operation?: Operation): string | undefined {
  if (status === 307 && /^\/(?!\/)/.test(headers.location ?? '')) return undefined;
  if (status < 200 || status >= 500 || (status >= 300 && status < 400)) return `answers ${status}: ${text.slice(0, 200)}`;
  const body = parse(text);
  if (status < 300) {
    const judged = operation?.output.safeParse(body);
    return judged?.success === false ? `answers ${status} with what its contract does not promise: ${text.slice(0, 200)}` : undefined;
  }
  const { detail, code, errors } = (body ?? {}) as { detail?: unknown; code?: unknown; errors?: { input?: unknown }[] };
  if (typeof detail !== 'string' || detail === '' || typeof code !== 'string')
    return `answers ${status} without words: ${text.slice(0, 200)}`;
  for (const fault of errors ?? []) delete fault.input; // that is the client's own
  const said = JSON.stringify(body);
  const sign = INSIDE.find((inside) => (typeof inside === 'string' ? said.includes(inside) : inside.test(said)));
  return sign === undefined ? undefined : `tells of its inside (${String(sign)}): ${said.slice(0, 300)}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
