import { Text, Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

/** Longer ones only cost time to hash. */
const PASSWORD_LIMIT = 1_024;

/** One that is shown to be compared. */
export const ShownPassword = Text({ max: PASSWORD_LIMIT });

/** One that is to be set. */
export const NewPassword = Text({ min: 8, max: PASSWORD_LIMIT });

/** The user as a sign-in answers it. */
export const SignedInUser = z.object({
  id: Uuid,
  email: z.string(),
  username: z.string(),
  full_name: z.string().nullable(),
  public_key: z.string(),
  is_active: z.boolean(),
  role: z.string(),
});

export const RegisteredUser = SignedInUser.extend({ avatar_url: z.null(), created_at: Timestamp });

/**
 * An access token (JWT: `sub` the user's id, `sid` the session's, `exp` in seconds), good for `expires_in` seconds, and the token that
 * gets the next one, once. `device_token` proves nothing: whoever shows it at a later sign-in is not slowed down by others' failures.
 */
export const Tokens = z.object({
  access_token: z.string(),
  token_type: z.literal('bearer'),
  expires_in: z.int(),
  refresh_token: z.string(),
  session_id: Uuid,
});
export type Tokens = z.output<typeof Tokens>;

export const session = <U extends z.ZodType>(user: U) => Tokens.extend({ device_token: z.string(), user });

/** One that has not ended. */
export const Session = z.object({
  id: Uuid,
  /** The one that asks. */
  is_current: z.boolean(),
  created_at: Timestamp,
  last_used_at: Timestamp,
  expires_at: Timestamp,
  /** What the client calls itself. */
  agent: z.string().nullable(),
  address: z.string().nullable(),
});

/** What a link is for. */
export const LinkPurpose = z.enum(['verify_email', 'reset_password']);
export type LinkPurpose = z.output<typeof LinkPurpose>;

export const Done = z.object({ success: z.literal(true) });

/** A public key of ours, RFC 7517. */
export const Jwk = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  kid: z.string(),
  use: z.literal('sig'),
  alg: z.literal('ES256'),
});
