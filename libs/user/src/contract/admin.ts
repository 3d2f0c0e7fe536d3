import { command, get, post, query, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';
import { ContactExists, NotYourself, OnlyAdminsAddContacts, OnlyAdminsMigrate, OnlyAdminsSeeAllUsers, UserNotFound } from './errors';
import { ListedUser, page } from './types';

/** Everybody but the caller, by their ids, those too who have blocked him. */
export const listUsers = query({
  summary: 'Everybody but the caller, for admins.',
  http: get('/admin/all-users/{admin_id}'),
  access: 'admin',
  refusal: OnlyAdminsSeeAllUsers,
  input: z.object({ admin_id: Uuid, ...page }),
  output: z.array(ListedUser),
  errors: [NotYourself],
  timeoutMs: 5_000,
});

/** The admin and the user become contacts of each other, whatever they think of it. */
export const addContactAsAdmin = command({
  summary: 'Make the admin and a user contacts of each other.',
  http: post('/admin/add-contact'),
  access: 'admin',
  refusal: OnlyAdminsAddContacts,
  repeatable: 'by-key',
  input: z.object({ admin_id: Uuid, user_id: Uuid }),
  output: z.object({ status: z.literal('success'), message: z.literal('Contact added successfully') }),
  errors: [NotYourself, UserNotFound, ContactExists],
});

/** The monolith altered its table of media here. Nothing has to be altered any more, so nothing is. */
export const fixMediaTable = query({
  summary: 'Does nothing; kept for old clients.',
  http: get('/admin/fix-media-table/{admin_id}'),
  access: 'admin',
  refusal: OnlyAdminsMigrate,
  input: z.object({ admin_id: Uuid }),
  output: z.object({ status: z.literal('success'), message: z.string() }),
  errors: [NotYourself],
});
