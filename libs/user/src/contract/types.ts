import { Int, Text, Timestamp, Uuid } from '@banyan/platform/contract';
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

/** What clients draw as a picture: a page of the web, or something that was uploaded here. No `javascript:`, no `data:`. */
export const AvatarUrl = Text({ max: 500 }).refine((text) => isPicture(text), { message: 'should be an address of the web or an upload' });

function isPicture(text: string): boolean {
  if (/^\/api\/v1\/media\/files\/[\w.-]+$/.test(text)) return true;
  return /^https?:\/\/[^\s\\@]+$/i.test(text) && URL.canParse(text);
}

/** One of a user's public keys, oldest first. At most one is `active`. `created_at` is null where nobody knows it any more. */
export const KeyRecord = z.object({
  key_id: z.string().nullable(),
  algorithm: z.string().nullable(),
  key_data: z.string(),
  created_at: Timestamp.nullable(),
  status: z.enum(['active', 'inactive']),
});
export type KeyRecord = z.output<typeof KeyRecord>;

/** A backup that was stored once. `public_key`: the key that was active then, null if there was none or it is not known. */
export const KeyBackup = z.object({ id: Uuid, stored_at: Timestamp, public_key: z.string().nullable(), is_current: z.boolean() });
export type KeyBackup = z.output<typeof KeyBackup>;

/** No list answers more at once; what does not ask for less gets so many. */
export const LIST_LIMIT = 5_000;

/** A part of a list: at most `limit`, those behind the one named by `after`. Lists are ordered by that id. */
export const page = { limit: Int({ min: 1, max: LIST_LIMIT }).nullish(), after: Uuid.nullish() };
export interface Page {
  readonly limit?: number | null;
  readonly after?: string | null;
}

export const Nickname = Text({ max: 255 });

/** Somebody in the list of `user_id`. The `contact_*` details are null where nobody has looked them up. */
export const Contact = z.object({
  id: Uuid,
  user_id: Uuid,
  contact_id: Uuid,
  nickname: z.string().nullable(),
  created_at: Timestamp,
  contact_email: z.string().nullable(),
  contact_username: z.string().nullable(),
  contact_full_name: z.string().nullable(),
  contact_public_key: z.string().nullable(),
});
export type Contact = z.output<typeof Contact>;

export const BlockedUser = z.object({ user_id: Uuid, username: z.string(), full_name: z.string().nullable(), created_at: Timestamp });
export type BlockedUser = z.output<typeof BlockedUser>;

/** An invitation as its sender sees it: never its token. */
export const Invitation = z.object({
  id: Uuid,
  invitee_email: z.string(),
  state: z.enum(['open', 'accepted', 'expired']),
  created_at: Timestamp,
  expires_at: Timestamp,
  accepted_at: Timestamp.nullable(),
});
export type Invitation = z.output<typeof Invitation>;

/** A user as an admin sees him. `full_name` is empty if there is none. */
export const ListedUser = z.object({
  id: Uuid,
  email: z.string(),
  username: z.string(),
  full_name: z.string(),
  role: z.string(),
  is_contact: z.boolean(),
  created_at: Timestamp,
});
export type ListedUser = z.output<typeof ListedUser>;
