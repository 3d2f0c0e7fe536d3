import {
  command,
  contract,
  del,
  Email,
  get,
  InvalidToken,
  post,
  query,
  Text,
  Timestamp,
  TooManyRequests,
  Uuid,
} from '@banyan/platform/contract';
import { PublicKey, UserNotFound } from '@banyan/user/contract';
import { z } from 'zod';
import {
  AccountNotFound,
  AlreadyRegistered,
  InvalidCredentials,
  InvalidLink,
  InvalidRefreshToken,
  LastAdmin,
  NoLink,
  PasswordTooCommon,
  PasswordTooLong,
  RemovalByAdminsOnly,
  RemovalGoesOn,
  SessionNotFound,
  UserToRemoveNotFound,
  WrongPassword,
} from './errors';
import { Done, Jwk, LinkPurpose, NewPassword, RegisteredUser, Session, session, ShownPassword, SignedInUser, Tokens } from './types';

/** Ours are 43 and 64 characters; whatever else is shown is none. */
const OpaqueToken = Text({ max: 4_000 });
const DeviceToken = Text({ max: 400 }).nullish();

/** Make an account and sign in. Whatever role is asked for, everybody begins as `user`. */
export const register = command({
  summary: 'Make an account and sign in.',
  http: post('/auth/register'),
  access: 'public',
  repeatable: 'by-key',
  input: z.object({
    email: Email,
    username: Text({ min: 3, max: 50 }),
    password: NewPassword,
    full_name: Text({ max: 255 }).nullish(),
    public_key: PublicKey.nullish(),
  }),
  output: session(RegisteredUser),
  errors: [AlreadyRegistered, PasswordTooLong, PasswordTooCommon],
  timeoutMs: 5_000,
  limit: 'register',
  session: 'begins',
  stickBy: 'email',
});

/**
 * Sign in. An unknown address, a wrong password and an inactive account get the same answer in the same time. Failures slow down who
 * makes them, not whom they are aimed at: a browser is known by its cookie, another client by the `device_token` of an earlier answer.
 */
export const login = command({
  summary: 'Sign in.',
  http: post('/auth/login'),
  access: 'public',
  repeatable: 'yes',
  input: z.object({ email: Email, password: ShownPassword, device_token: DeviceToken }),
  output: session(SignedInUser),
  errors: [InvalidCredentials, TooManyRequests],
  timeoutMs: 5_000,
  session: 'begins',
  stickBy: 'email',
});

/**
 * The next access token. A refresh token is good once; the same one again within half a minute, when an answer was lost or several asked
 * at once, gets the same successor; later it ends the session, because two have it.
 */
export const refresh = command({
  summary: 'Get the next access token and the next refresh token.',
  http: post('/auth/refresh'),
  access: 'public',
  repeatable: 'yes',
  input: z.object({ refresh_token: OpaqueToken }),
  output: Tokens,
  errors: [InvalidRefreshToken],
  session: 'begins',
  legacy: false,
});

/** End the session of this token; of a token that the monolith made, all such tokens of the user that are not younger. */
export const logout = command({
  summary: 'Sign out here.',
  http: post('/auth/logout'),
  access: 'user',
  repeatable: 'yes',
  input: z.object({}),
  output: Done,
  session: 'ends',
  legacy: false,
});

export const logoutAll = command({
  summary: 'Sign out everywhere.',
  http: post('/auth/logout-all'),
  access: 'user',
  repeatable: 'yes',
  input: z.object({}),
  output: Done,
  session: 'ends',
  legacy: false,
});

/** Those that have not ended, the last used first. Tokens that the monolith made have none. */
export const sessions = query({
  summary: "The caller's sessions.",
  http: get('/auth/sessions'),
  access: 'user',
  input: z.object({}),
  output: z.array(Session),
  legacy: false,
});

export const endSession = command({
  summary: "End one of the caller's sessions.",
  http: del('/auth/sessions/{session_id}'),
  access: 'user',
  repeatable: 'yes',
  input: z.object({ session_id: Uuid }),
  output: Done,
  errors: [SessionNotFound],
  session: 'changes',
  legacy: false,
});

/** Every session ends, this one too, and a new one begins. */
export const changePassword = command({
  summary: 'Change the password. Everybody else is signed out.',
  http: post('/auth/password/change'),
  access: 'user',
  repeatable: 'no',
  input: z.object({ current_password: ShownPassword, new_password: NewPassword }),
  output: Tokens.extend({ device_token: z.string() }),
  errors: [WrongPassword, AccountNotFound, PasswordTooLong, PasswordTooCommon, TooManyRequests],
  timeoutMs: 5_000,
  session: 'begins',
  legacy: false,
});

/** Ask for a mail with a link. The same answer whether or not there is such an account. */
export const forgotPassword = command({
  summary: 'Ask for a mail with a link that sets a new password.',
  http: post('/auth/password/forgot'),
  access: 'public',
  repeatable: 'yes',
  input: z.object({ email: Email }),
  output: Done,
  limit: 'mail',
  stickBy: 'email',
  legacy: false,
});

/** Set a password by the token of a link, once. Whoever was signed in is no more; the address is verified by this. */
export const resetPassword = command({
  summary: 'Set a new password by the token of a mailed link.',
  http: post('/auth/password/reset'),
  access: 'public',
  repeatable: 'yes',
  input: z.object({ token: OpaqueToken, password: NewPassword }),
  output: Done.extend({ device_token: z.string() }),
  errors: [InvalidLink, PasswordTooLong, PasswordTooCommon],
  timeoutMs: 5_000,
  session: 'begins',
  legacy: false,
});

export const verifyEmail = command({
  summary: 'Confirm the address by the token of a mailed link.',
  http: post('/auth/email/verify'),
  access: 'public',
  repeatable: 'yes',
  input: z.object({ token: OpaqueToken }),
  output: Done,
  errors: [InvalidLink],
  legacy: false,
});

/** The same answer for an unknown address, and for one that is verified. */
export const resendVerification = command({
  summary: 'Ask for another mail that confirms the address.',
  http: post('/auth/email/resend'),
  access: 'public',
  repeatable: 'yes',
  input: z.object({ email: Email }),
  output: Done,
  limit: 'mail',
  stickBy: 'email',
  legacy: false,
});

/** The caller's own account and profile. */
export const me = query({
  summary: "The caller's own account and profile.",
  http: get('/auth/me'),
  access: 'user',
  input: z.object({}),
  output: SignedInUser.extend({
    avatar_url: z.string().nullable(),
    bio: z.string().nullable(),
    is_verified: z.boolean(),
    created_at: Timestamp,
  }),
  errors: [AccountNotFound, UserNotFound],
});

/** Remove the caller's own account and everything that domains keep for it. Complete when it answers; 503: it goes on by itself. */
export const removeMe = command({
  summary: "Remove the caller's account and all of its data.",
  http: del('/auth/me', { argumentsIn: 'body' }),
  access: 'user',
  repeatable: 'no',
  input: z.object({ password: ShownPassword }),
  output: Done,
  errors: [WrongPassword, AccountNotFound, LastAdmin, RemovalGoesOn, TooManyRequests],
  timeoutMs: 8_000,
  session: 'ends',
  legacy: false,
});

/** The same by an admin, who names himself in the path as the web client does. */
export const removeAccount = command({
  summary: 'Remove an account and all of its data.',
  http: del('/admin/remove-contact/{admin_id}/{user_id}'),
  access: 'admin',
  refusal: RemovalByAdminsOnly,
  repeatable: 'by-key',
  input: z.object({ admin_id: Uuid, user_id: Uuid }),
  output: z.object({ status: z.literal('success'), message: z.string(), deleted_email: z.string() }),
  errors: [RemovalByAdminsOnly, UserToRemoveNotFound, LastAdmin, RemovalGoesOn],
  timeoutMs: 8_000,
});

/** What the edge asks about whoever shows a good token. Not to be remembered longer than its generation is in force. */
export const caller = query({
  summary: 'Whether a user exists, is active and signed in, and his role.',
  access: 'internal',
  input: z.object({ user_id: Uuid, session_id: Uuid.optional() }),
  output: z.object({
    role: z.string(),
    is_active: z.boolean(),
    is_live: z.boolean(),
    tokens_until: z.int(),
    generation: z.string().nullable(),
  }),
  errors: [AccountNotFound],
});

/** For whoever gets a token otherwise than over HTTP. */
export const verify = query({
  summary: 'Who shows an access token.',
  access: 'internal',
  input: z.object({ token: Text({ max: 20_000 }) }),
  output: z.object({ user_id: Uuid, session_id: Uuid.nullable(), role: z.string(), expires_at: Timestamp }),
  errors: [InvalidToken, AccountNotFound],
});

/** Where a mail about an account goes, and the link in it. Asked twice, it gives the same link. */
export const link = command({
  summary: 'The link that a mail carries.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({ user_id: Uuid, purpose: LinkPurpose, request_id: Uuid }),
  output: z.object({ email: z.string(), username: z.string(), url: z.string(), expires_at: Timestamp }),
  errors: [NoLink],
});

/** Every public key under which a token may be good, those that do not sign yet included. Empty as long as HS256 signs. */
export const keys = query({
  summary: 'The public keys of access tokens.',
  access: 'internal',
  input: z.object({}),
  output: z.object({ keys: z.array(Jwk), shared_until: z.int().nullable() }),
});

/** A new key is published now and signs after the time that TOKEN_KEYS says; the old one is good as long as its tokens are. */
export const rotateKeys = command({
  summary: 'Begin to replace the key that signs access tokens.',
  http: post('/admin/token-keys/rotate'),
  access: 'admin',
  repeatable: 'no',
  input: z.object({}),
  output: z.object({ kid: z.string(), signs_from: Timestamp }),
  legacy: false,
});

export const authContract = contract('auth', {
  register,
  login,
  refresh,
  logout,
  logoutAll,
  sessions,
  endSession,
  changePassword,
  forgotPassword,
  resetPassword,
  verifyEmail,
  resendVerification,
  me,
  removeMe,
  removeAccount,
  caller,
  verify,
  link,
  keys,
  rotateKeys,
});
