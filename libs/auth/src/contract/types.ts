import { Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

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

/** An access token, HS256: `sub` the user's id, `exp` in seconds. */
export const session = <U extends z.ZodType>(user: U) => z.object({ access_token: z.string(), token_type: z.literal('bearer'), user });
