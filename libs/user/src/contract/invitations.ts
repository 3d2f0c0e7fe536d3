import { command, del, Email, get, post, query, Text, Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';
import {
  AlreadyYourContact,
  InvalidInvitation,
  InvalidInvitationToken,
  InvitationAccepted,
  InvitationExpired,
  InvitationNotFound,
  NoInvitation,
  NotTheInvitee,
  NotYourAddress,
  TooManyInvitations,
  UserNotFound,
} from './errors';
import { Invitation, page } from './types';

/** Legacy's are 43 characters; whatever else comes is unknown. */
const Token = Text({ max: 255 });

/**
 * Invite an address, registered or not. While an invitation to it is open, that one is mailed again, under the same id; afterwards a new
 * one is made. It is good for 7 days. `inviter_email` is the caller's own.
 */
export const sendInvitation = command({
  summary: 'Invite somebody by mail.',
  http: post('/invitations/send'),
  access: 'user',
  cookie: true,
  repeatable: 'by-key',
  input: z.object({ inviter_email: Email, invitee_email: Email }),
  output: z.object({ status: z.literal('success'), message: z.string(), invitation_id: Uuid }),
  errors: [NotYourAddress, AlreadyYourContact, TooManyInvitations, UserNotFound],
});

/** Who has invited whom, for whoever holds the link. */
export const verifyInvitation = query({
  summary: 'What an invitation is about.',
  http: get('/invitations/verify/{token}'),
  access: 'optional',
  input: z.object({ token: Token }),
  output: z.object({ inviter_id: Uuid, inviter_name: z.string(), inviter_avatar: z.string().nullable(), invitee_email: z.string() }),
  errors: [InvalidInvitation, InvitationAccepted, InvitationExpired],
});

/**
 * The two become contacts of each other. `new_user_id` is the caller; if nobody is signed in, the user with the invited address. Once
 * accepted it serves that user only, also again if a contact was removed.
 */
export const acceptInvitation = command({
  summary: 'Accept an invitation: the two become contacts of each other.',
  http: post('/invitations/accept'),
  access: 'optional',
  cookie: true,
  repeatable: 'yes',
  input: z.object({ token: Token, new_user_id: Uuid }),
  output: z.object({
    status: z.literal('success'),
    message: z.literal('Invitation accepted and contact added'),
    inviter_id: Uuid,
    inviter_name: z.string(),
  }),
  errors: [InvalidInvitationToken, InvitationExpired, InvitationAccepted, NotTheInvitee, UserNotFound],
});

/** What the caller has sent, by their ids. */
export const invitations = query({
  summary: "The caller's invitations.",
  http: get('/invitations'),
  access: 'user',
  legacy: false,
  input: z.object(page),
  output: z.array(Invitation),
  timeoutMs: 5_000,
});

/** Its link is worth nothing from now on. Contacts that came of it stay. */
export const revokeInvitation = command({
  summary: 'Take an invitation back.',
  http: del('/invitations/{invitation_id}'),
  access: 'user',
  legacy: false,
  repeatable: 'by-key',
  input: z.object({ invitation_id: Uuid }),
  output: z.object({ status: z.literal('Invitation revoked') }),
  errors: [InvitationNotFound],
});

/** What the mail of an invitation says. `url` holds its secret: it goes into the mail and nowhere else. */
export const invitationMail = query({
  summary: 'What the mail of an invitation says.',
  access: 'internal',
  input: z.object({ invitation_id: Uuid }),
  output: z.object({ to: z.string(), inviter_name: z.string(), url: z.string(), expires_at: Timestamp }),
  errors: [NoInvitation],
});
