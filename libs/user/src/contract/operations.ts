import { command, contract, get, patch, post, put, query, Text, Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';
import { addContactAsAdmin, fixMediaTable, listUsers } from './admin';
import { addContact, allUsers, block, blocks, contacts, removeContact, renameContact, unblock } from './contacts';
import { KeyBackupNotFound, PublicKeyRequired, UserNotFound } from './errors';
import { acceptInvitation, invitationMail, invitations, revokeInvitation, sendInvitation, verifyInvitation } from './invitations';
import { AvatarUrl, FoundUser, KeyBackup, KeyRecord, Profile, PublicKey } from './types';

/** Make the profile of a new account; one that exists already stays as it is, and one that was purged is not made again. */
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
  errors: [UserNotFound],
});

/** The whole profile, for other domains. */
export const profile = query({
  summary: 'The whole profile of a user.',
  access: 'internal',
  input: z.object({ user_id: Uuid }),
  output: Profile,
  errors: [UserNotFound],
});

/** Of many users at once, in no order; who is unknown is left out. */
export const profiles = query({
  summary: 'The whole profiles of many users.',
  access: 'internal',
  input: z.object({ user_ids: z.array(Uuid).max(1_000) }),
  output: z.object({ profiles: z.array(Profile) }),
  timeoutMs: 5_000,
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

/** The caller's own profile. */
export const ownProfile = query({
  summary: "The caller's own profile.",
  http: get('/users/me'),
  access: 'user',
  legacy: false,
  input: z.object({}),
  output: Profile,
  errors: [UserNotFound],
});

/** What is not named stays; null and an empty text take away. */
export const updateProfile = command({
  summary: "Change the caller's profile.",
  http: patch('/users/me'),
  access: 'user',
  legacy: false,
  repeatable: 'yes',
  input: z.object({
    full_name: Text({ max: 255 }).nullish(),
    bio: Text({ max: 500 }).nullish(),
    avatar_url: z.union([AvatarUrl, z.literal('')]).nullish(),
  }),
  output: Profile,
  errors: [UserNotFound],
});

/** What another user tells about himself. */
export const publicProfile = query({
  summary: 'What a user tells about himself.',
  http: get('/users/{user_id}/profile'),
  access: 'user',
  legacy: false,
  input: z.object({ user_id: Uuid }),
  output: Profile.pick({ id: true, username: true, full_name: true, avatar_url: true, bio: true }),
  errors: [UserNotFound],
});

/** Every public key that a user has had, oldest first: what was encrypted or signed with an earlier one can still be told. */
export const keyHistory = query({
  summary: 'Every public key that a user has had, oldest first.',
  http: get('/users/{user_id}/public-keys'),
  access: 'user',
  legacy: false,
  input: z.object({ user_id: Uuid }),
  output: z.array(KeyRecord),
  errors: [UserNotFound],
});

/**
 * Up to ten users whose address contains the text, in any case; none for a blank one. Less than three characters are looked for at its
 * beginning. The web client's search dialog.
 */
export const search = query({
  summary: 'Up to ten users whose address contains a text.',
  http: get('/users/search'),
  access: 'user',
  cookie: true,
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

/** Replace the caller's encrypted private key. The one before is kept: without it older messages would be unreadable for good. */
export const storeKeyBackup = command({
  summary: "Replace the caller's encrypted private key.",
  http: post('/users/me/key-backup'),
  access: 'user',
  repeatable: 'yes',
  input: z.object({ encrypted_private_key: Text({ max: 100_000 }) }),
  output: z.object({ success: z.literal(true) }),
  errors: [UserNotFound],
});

/** The backups that the caller has stored, newest first, with a bound on how many are kept for one key. */
export const keyBackups = query({
  summary: "The caller's key backups, newest first, without their contents.",
  http: get('/users/me/key-backups'),
  access: 'user',
  legacy: false,
  input: z.object({}),
  output: z.array(KeyBackup),
  errors: [UserNotFound],
});

export const oldKeyBackup = query({
  summary: 'One of the key backups that the caller has stored.',
  http: get('/users/me/key-backups/{backup_id}'),
  access: 'user',
  legacy: false,
  input: z.object({ backup_id: Uuid }),
  output: KeyBackup.extend({ encrypted_private_key: z.string() }),
  errors: [KeyBackupNotFound, UserNotFound],
});

/** Remove all that is kept of a user: profile, keys, contacts on both sides, blocks, invitations from and to him. */
export const purge = command({
  summary: 'Remove all that is kept of a user.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({ user_id: Uuid }),
  output: z.object({}),
});

/** May `from` write to `to`? No, if there is no such user, if one of the two has blocked the other, or if `from` was removed. */
export const canMessage = query({
  summary: 'Whether one user may write to another.',
  access: 'internal',
  input: z.object({ from: Uuid, to: Uuid }),
  output: z.object({ allowed: z.boolean() }),
});

/** Whom a user has in his list, and who has him in theirs; nobody of whom one has blocked the other. Those who may see when he is there. */
export const circle = query({
  summary: 'Whom a user has as contacts, and who has him.',
  access: 'internal',
  input: z.object({ user_id: Uuid }),
  output: z.object({ contacts: z.array(Uuid), contact_of: z.array(Uuid) }),
  timeoutMs: 5_000,
});

export const userContract = contract('user', {
  createProfile,
  profile,
  profiles,
  find,
  ownProfile,
  updateProfile,
  publicProfile,
  keyHistory,
  search,
  findByEmail,
  setPublicKey,
  keyBackup,
  storeKeyBackup,
  keyBackups,
  oldKeyBackup,
  purge,
  canMessage,
  circle,
  addContact,
  contacts,
  allUsers,
  renameContact,
  removeContact,
  block,
  unblock,
  blocks,
  sendInvitation,
  verifyInvitation,
  acceptInvitation,
  invitations,
  revokeInvitation,
  invitationMail,
  listUsers,
  addContactAsAdmin,
  fixMediaTable,
});
