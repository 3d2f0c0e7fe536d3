import { command, contract, Email, get, post, query, Text, Timestamp, Uuid } from '@banyan/platform/contract';
import { PublicKey, UserNotFound } from '@banyan/user/contract';
import { z } from 'zod';
import { AccountNotFound, AlreadyRegistered, InvalidCredentials, PasswordTooLong } from './errors';
import { RegisteredUser, session, SignedInUser } from './types';

/** Longer ones only cost time to hash. */
const PASSWORD_LIMIT = 1_024;

/** Make an account and sign in. Whatever role is asked for, everybody begins as `user`. */
export const register = command({
  summary: 'Make an account and sign in.',
  http: post('/auth/register'),
  access: 'public',
  repeatable: 'by-key',
  input: z.object({
    email: Email,
    username: Text({ min: 3, max: 50 }),
    password: Text({ min: 8, max: PASSWORD_LIMIT }),
    full_name: Text({ max: 255 }).nullish(),
    public_key: PublicKey.nullish(),
  }),
  output: session(RegisteredUser),
  errors: [AlreadyRegistered, PasswordTooLong],
  timeoutMs: 5_000,
  limit: 'register',
  stickBy: 'email',
});

/** Sign in. An unknown address, a wrong password and an inactive account get the same answer in the same time. */
export const login = command({
  summary: 'Sign in.',
  http: post('/auth/login'),
  access: 'public',
  repeatable: 'yes',
  input: z.object({ email: Email, password: Text({ max: PASSWORD_LIMIT }) }),
  output: session(SignedInUser),
  errors: [InvalidCredentials],
  timeoutMs: 5_000,
  limit: 'login',
  stickBy: 'email',
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

/** What the edge asks about whoever shows a good token. */
export const caller = query({
  summary: 'Whether a user exists, is active, and his role.',
  access: 'internal',
  input: z.object({ user_id: Uuid }),
  output: z.object({ role: z.string(), is_active: z.boolean() }),
  errors: [AccountNotFound],
});

export const authContract = contract('auth', { register, login, me, caller });
