import { command, contract, get, post, put, query, Text, Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';
import { PublicKeyRequired, UserNotFound } from './errors';
import { FoundUser, Profile, PublicKey } from './types';

/** Make the profile of a new account; one that exists already stays as it is. */
export const createProfile = command({
  summary: 'Make the profile of a new account.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({
    user_id: Uuid,
    email: Text({ max: 255 }),
    username: Text({ max: 100 }),
    full_name: Text({ max: 255 }).nullable(),
    public_key: PublicKey.nullable(),
    created_at: Timestamp,
  }),
  output: Profile,
});

/** The whole profile, for other domains. */
export const profile = query({
  summary: 'The whole profile of a user.',
  access: 'internal',
  input: z.object({ user_id: Uuid }),
  output: Profile,
  errors: [UserNotFound],
});

/** What every signed-in user may know of another one; asked for before each message, for the recipient's key. */
export const find = query({
  summary: 'A user and his public key.',
  http: get('/users/{user_id}'),
  access: 'user',
  input: z.object({ user_id: Uuid }),
  output: Profile.pick({ id: true, email: true, username: true, full_name: true, public_key: true, is_active: true }),
  errors: [UserNotFound],
});

/** Up to ten users whose address contains the text, in any case; none for a blank one. The web client's search dialog. */
export const search = query({
  summary: 'Up to ten users whose address contains a text.',
  http: get('/users/search'),
  access: 'user',
  input: z.object({ email: Text({ max: 254 }) }),
  output: z.array(FoundUser),
});

export const findByEmail = query({
  summary: 'The user with an address.',
  http: get('/users/by-email'),
  access: 'user',
  input: z.object({ email: Text({ max: 254 }) }),
  output: FoundUser,
  errors: [UserNotFound],
});

/** Make `public_key` the caller's active key. Earlier keys stay in his history; the key that is active already changes nothing. */
export const setPublicKey = command({
  summary: "Replace the caller's public key.",
  http: put('/auth/public-key'),
  access: 'user',
  repeatable: 'yes',
  input: z.object({ public_key: PublicKey.nullish() }),
  output: z.object({ success: z.literal(true), public_key: z.string() }),
  errors: [PublicKeyRequired, UserNotFound],
});

/** The caller's encrypted private key, byte for byte as he stored it. */
export const keyBackup = query({
  summary: "The caller's encrypted private key.",
  http: get('/users/me/key-backup'),
  access: 'user',
  input: z.object({}),
  output: z.object({ has_backup: z.boolean(), encrypted_private_key: z.string().nullable() }),
  errors: [UserNotFound],
});

/** Replace the caller's encrypted private key. */
export const storeKeyBackup = command({
  summary: "Replace the caller's encrypted private key.",
  http: post('/users/me/key-backup'),
  access: 'user',
  repeatable: 'yes',
  input: z.object({ encrypted_private_key: Text({ max: 100_000 }) }),
  output: z.object({ success: z.literal(true) }),
  errors: [UserNotFound],
});

/** May `from` write to `to`? No, if there is no such user. */
export const canMessage = query({
  summary: 'Whether one user may write to another.',
  access: 'internal',
  input: z.object({ from: Uuid, to: Uuid }),
  output: z.object({ allowed: z.boolean() }),
});

export const userContract = contract('user', {
  createProfile,
  profile,
  find,
  search,
  findByEmail,
  setPublicKey,
  keyBackup,
  storeKeyBackup,
  canMessage,
});
