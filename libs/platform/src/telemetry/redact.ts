/** Names under which secrets and contents travel, without `_` and `-`, in lower case. */
const SECRET =
  /passw(or)?d|passphrase|secret|token|authorization|cookie|credential|apikey|privatekey|sessionkey|carrierkey|keybackup|encrypted|ciphertext/;
const CONTENT = new Set(['content', 'body', 'payload', 'parameters', 'email']);

const CREDENTIALS_IN_URL = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi;
const MAX_DEPTH = 6;
const MAX_ITEMS = 50;
const MAX_TEXT = 2_000;

/** Names are few and come again: each is examined once. Bounded, because a name may come from a client. */
const known = new Map<string, boolean>();

function isSecret(name: string): boolean {
  let secret = known.get(name);
  if (secret === undefined) {
    const plain = name.toLowerCase().replace(/[-_]/g, '');
    secret = SECRET.test(plain) || CONTENT.has(plain);
    if (known.size < 1_000) known.set(name, secret);
  }
  return secret;
}

/**
 * A copy of `value` to be logged: secrets and contents replaced at any depth, credentials cut out of addresses, errors described
 * by `describe`, and everything bounded in depth, number and length. Cycles end at the depth. Never throws.
 */
export function redacted(value: unknown, describe: (error: Error) => unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactedText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return redacted(describe(value), () => '[error]', depth + 1);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((item) => redacted(item, describe, depth + 1));
    return value.length > MAX_ITEMS ? [...items, `[${value.length - MAX_ITEMS} more]`] : items;
  }
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value).slice(0, MAX_ITEMS)) {
    copy[name] = isSecret(name) ? '***' : redacted(read(value, name), describe, depth + 1);
  }
  return copy;
}

/** `text` without credentials in addresses, at most 2,000 characters. */
function redactedText(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT).toWellFormed()}… (${text.length})` : text;
  return short.includes('://') ? short.replace(CREDENTIALS_IN_URL, '$1***@') : short;
}

function read(value: object, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return '[unreadable]';
  }
}
