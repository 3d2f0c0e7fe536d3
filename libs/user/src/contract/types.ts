import { Text, Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

/** A public identity key, opaque to the server: the web client puts base64 of a JWK here. */
export const PublicKey = Text({ max: 10_000 });

/** All that is known about a person beside his account. `public_key` is the active one, or a placeholder while there is none yet. */
export const Profile = z.object({
  id: Uuid,
  email: z.string(),
  username: z.string(),
  full_name: z.string().nullable(),
  avatar_url: z.string().nullable(),
  bio: z.string().nullable(),
  public_key: z.string(),
  is_active: z.boolean(),
  created_at: Timestamp,
});
export type Profile = z.output<typeof Profile>;

/** A hit of a search: the shape of the own account, with nothing in it but what a stranger may see. */
export const FoundUser = z.object({
  id: Uuid,
  email: z.string(),
  username: z.string(),
  full_name: z.string().nullable(),
  is_active: z.boolean(),
  avatar_url: z.null(),
  bio: z.null(),
  is_verified: z.literal(false),
  created_at: z.null(),
  public_key: z.null(),
  role: z.literal('user'),
});
export type FoundUser = z.output<typeof FoundUser>;
