import { Int, Text, Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

/** The owner is one person, `admin_id` of the group. On HTTP he is listed as `admin`, as the web client knows him. */
export const Role = z.enum(['owner', 'admin', 'member']);
export type Role = z.output<typeof Role>;

const Who = z.enum(['members', 'admins']);

/** Who may do what. Owner and admins always may. */
export const Settings = z.object({ who_may_post: Who, who_may_add: Who, who_may_edit: Who });
export type Settings = z.output<typeof Settings>;

export const GroupName = Text({ max: 255 });
export const Description = Text({ max: 10_000 });

/** No group has more members. */
export const MEMBERS_LIMIT = 10_000;
/** Whoever is in so many makes no further one; a list of groups ends there. */
export const GROUPS_LIMIT = 5_000;

/** Opaque: the web client puts the plain text here. */
export const GroupContent = Text({ max: 500_000 });

const KEYS_LIMIT = 1_000_000;

/** A key for each member, opaque. */
export const SessionKeys = z
  .record(Text({ max: 255 }), Text({ max: 10_000 }))
  .refine((keys) => JSON.stringify(keys).length <= KEYS_LIMIT, { message: `should have at most ${KEYS_LIMIT} characters of JSON` });

/** What a member writes. */
export const Draft = { encrypted_content: GroupContent, encrypted_session_keys: SessionKeys.default({}) };

export const GroupDetails = z.object({
  id: Uuid,
  name: z.string(),
  description: z.string().nullable(),
  admin_id: Uuid,
  is_admin: z.boolean(),
  created_at: Timestamp,
});
export type GroupDetails = z.output<typeof GroupDetails>;

/** A line of the list. `memberCount` counts everybody once, the owner too. */
export const ListedGroup = z.object({
  id: Uuid,
  name: z.string(),
  description: z.string().nullable(),
  admin_id: Uuid,
  memberCount: z.int(),
  created_at: Timestamp,
  is_admin: z.boolean(),
});
export type ListedGroup = z.output<typeof ListedGroup>;

export const Member = z.object({
  id: Uuid,
  user_id: Uuid,
  username: z.string(),
  email: z.string(),
  full_name: z.string().nullable(),
  public_key: z.string(),
  avatar_url: z.string().nullable(),
  role: z.string(),
  joined_at: Timestamp,
});
export type Member = z.output<typeof Member>;

/** A stored message, as it came. */
export const PostedMessage = z.object({
  message_id: Uuid,
  group_id: Uuid,
  sender_id: Uuid,
  encrypted_content: z.string(),
  encrypted_session_keys: z.record(z.string(), z.unknown()),
  created_at: Timestamp,
});
export type PostedMessage = z.output<typeof PostedMessage>;

/** A message of the history: `content` is the text, `encrypted_content` the same in hexadecimal, as is the JSON of the keys. */
export const HistoryMessage = z.object({
  id: Uuid,
  message_id: Uuid,
  sender_id: Uuid,
  content: z.string(),
  encrypted_content: z.string(),
  encrypted_session_key: z.string(),
  created_at: Timestamp,
  timestamp: Timestamp,
});
export type HistoryMessage = z.output<typeof HistoryMessage>;

/** A part of a list that is ordered by user: at most `limit`, those behind `after`. Without: all. */
export const page = { limit: Int({ min: 1, max: MEMBERS_LIMIT }).nullish(), after: Uuid.nullish() };
