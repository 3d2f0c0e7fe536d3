import { randomUUID } from 'node:crypto';
import { naiveNow } from './clock';
import type { Queryable } from './database';

export interface User {
  readonly id: string;
  readonly email: string;
  readonly username: string;
  readonly password_hash: string;
  readonly public_keys: unknown;
  readonly encrypted_private_key: string | null;
  readonly full_name: string | null;
  readonly avatar_url: string | null;
  readonly bio: string | null;
  readonly is_active: boolean | null;
  readonly is_verified: boolean | null;
  readonly role: string;
  readonly created_at: string | null;
}

export async function findUser(db: Queryable, id: string): Promise<User | undefined> {
  const [user] = await db.query<User>('SELECT * FROM users WHERE id = $1', [id]);
  return user;
}

export async function findUserByEmail(db: Queryable, email: string): Promise<User | undefined> {
  const [user] = await db.query<User>('SELECT * FROM users WHERE email = $1', [email]);
  return user;
}

/** An entry of `public_keys`. Its type says what legacy means; what clients and old versions left there may be anything. */
export interface PublicKey {
  readonly key_id: string;
  readonly algorithm: string;
  readonly key_data: unknown;
  readonly created_at: string;
  readonly status: string;
}

export const publicKeys = ({ public_keys }: { public_keys: unknown }): PublicKey[] =>
  Array.isArray(public_keys) ? (public_keys as PublicKey[]) : [];

export const newKey = (key_data: unknown): PublicKey => ({
  key_id: `key-${randomUUID()}`,
  algorithm: 'SECP256R1',
  key_data,
  created_at: naiveNow(),
  status: 'active',
});

/** The active key, else the oldest; of any type. */
export function publicKeyOf(user: { public_keys: unknown }): unknown {
  const keys = publicKeys(user);
  return (keys.find(({ status }) => status === 'active') ?? keys[0])?.key_data ?? null;
}

/** Where an answer is checked against a model, a key that is no string fails all of it. */
export function checkedPublicKeyOf(user: { public_keys: unknown }): string | null {
  const key = publicKeyOf(user);
  if (key !== null && typeof key !== 'string') throw new Error('ResponseValidationError: public_key should be a valid string');
  return key;
}
