import { command, del, get, patch, post, query, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';
import { CannotBlockYourself, ContactExists, ContactNotFound, NotYourself, TooManyBlocks, TooManyContacts, UserNotFound } from './errors';
import { BlockedUser, Contact, Nickname, page } from './types';

/** Put somebody into the caller's list; his list stays as it is. Oneself can be added. @returns the entry, without details */
export const addContact = command({
  summary: "Put a user into the caller's list of contacts.",
  http: post('/contacts/add'),
  access: 'user',
  repeatable: 'by-key',
  input: z.object({ user_id: Uuid, contact_id: Uuid, nickname: Nickname.nullish() }),
  output: Contact,
  errors: [NotYourself, UserNotFound, ContactExists, TooManyContacts],
});

/** The caller's list with details, by the ids of its entries. */
export const contacts = query({
  summary: "The caller's contacts.",
  http: [get('/contacts'), get('/contacts/')],
  access: 'user',
  input: z.object({ user_id: Uuid, ...page }),
  output: z.array(Contact),
  errors: [NotYourself],
  timeoutMs: 5_000,
});

/**
 * Everybody but the caller, by their ids, in the shape of contacts. Who is one has the entry's `id`, `nickname` and `created_at`; of
 * others `id` is the user's own, and `created_at` that of his account. `after` names a `contact_id`.
 */
export const allUsers = query({
  summary: 'Everybody but the caller, in the shape of contacts.',
  http: get('/contacts/all-users'),
  access: 'user',
  input: z.object({ user_id: Uuid, ...page }),
  output: z.array(Contact),
  errors: [NotYourself],
  timeoutMs: 5_000,
});

/** `contact_id` is the id of the entry. Null takes the name away. @returns the entry, without details */
export const renameContact = command({
  summary: 'Give a contact a nickname, or take it away.',
  http: patch('/contacts/{contact_id}'),
  access: 'user',
  legacy: false,
  repeatable: 'yes',
  input: z.object({ contact_id: Uuid, nickname: Nickname.nullable() }),
  output: Contact,
  errors: [ContactNotFound],
});

/** `contact_id` is the id of the entry. */
export const removeContact = command({
  summary: "Take a contact out of the caller's list.",
  http: del('/contacts/{contact_id}'),
  access: 'user',
  repeatable: 'by-key',
  input: z.object({ contact_id: Uuid }),
  output: z.object({ status: z.literal('Contact removed') }),
  errors: [ContactNotFound],
});

/**
 * From now on nothing passes between the two, and for the blocked one the caller is as if he had no account; he is not told. Blocking
 * again changes nothing, and nor does blocking an id that nobody has: the answer tells nobody who is there.
 */
export const block = command({
  summary: 'Block a user.',
  http: post('/blocks'),
  access: 'user',
  legacy: false,
  repeatable: 'yes',
  input: z.object({ user_id: Uuid }),
  output: z.object({ status: z.literal('User blocked') }),
  errors: [CannotBlockYourself, UserNotFound, TooManyBlocks],
});

/** Whoever is not blocked stays so. */
export const unblock = command({
  summary: 'Take a block back.',
  http: del('/blocks/{user_id}'),
  access: 'user',
  legacy: false,
  repeatable: 'yes',
  input: z.object({ user_id: Uuid }),
  output: z.object({ status: z.literal('User unblocked') }),
});

/** Whom the caller has blocked, by their ids. */
export const blocks = query({
  summary: 'Whom the caller has blocked.',
  http: get('/blocks'),
  access: 'user',
  legacy: false,
  input: z.object(page),
  output: z.array(BlockedUser),
  timeoutMs: 5_000,
});
