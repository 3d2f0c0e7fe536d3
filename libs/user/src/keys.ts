import { randomUUID } from 'node:crypto';

/** One entry of a user's key history, oldest first, at most one active. The form is legacy's. */
export interface KeyEntry {
  readonly key_id: string;
  readonly algorithm: string;
  readonly key_data: string;
  readonly created_at: string;
  readonly status: 'active' | 'inactive';
}

/** A user who replaces his key at every turn keeps the newest ones. */
const KEPT_KEYS = 200;

/** The key others encrypt to: the active one, else the first. */
export function currentKey(keys: readonly KeyEntry[]): string | undefined {
  return (keys.find(({ status }) => status === 'active') ?? keys[0])?.key_data;
}

/** What legacy answers for a user without a key. Clients take it for a key, so that an answer always has a text there. */
export function placeholderKey(username: string): string {
  return Buffer.from(`pubkey_${username}`).toString('base64');
}

/** The history with `keyData` as its active key, or undefined if it is that already. */
export function withActiveKey(keys: readonly KeyEntry[], keyData: string, now: string): KeyEntry[] | undefined {
  if (keys.some(({ status, key_data }) => status === 'active' && key_data === keyData)) return undefined;
  const entry: KeyEntry = { key_id: `key-${randomUUID()}`, algorithm: 'SECP256R1', key_data: keyData, created_at: now, status: 'active' };
  return [...keys.map((key) => ({ ...key, status: 'inactive' as const })), entry].slice(-KEPT_KEYS);
}
