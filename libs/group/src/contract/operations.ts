import { command, contract, del, get, Int, patch, post as httpPost, put, query, Text, Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';
import {
  AlreadyAMember,
  BannedFromGroup,
  GroupFull,
  GroupMessageNotFound,
  GroupNotFound,
  MemberNotFound,
  NotAMember,
  NotYourMessage,
  OnlyAdminsAdd,
  OnlyAdminsEdit,
  OnlyAdminsPost,
  OnlyAdminsRemove,
  OnlyOwnerDeletes,
  OnlyTheOwner,
  OwnerCannotLeave,
  TooManyGroups,
  UserToAddNotFound,
} from './errors';
import {
  Description,
  Draft,
  GroupDetails,
  GroupName,
  HistoryMessage,
  ListedGroup,
  Member,
  page,
  PostedMessage,
  Role,
  Settings,
} from './types';

const group = { group_id: Uuid };
const member = { group_id: Uuid, user_id: Uuid };
const message = { group_id: Uuid, message_id: Uuid };
const notForOutsiders = [GroupNotFound, NotAMember];

/** The groups of the caller, oldest first. */
export const list = query({
  summary: 'The groups that the caller owns or has joined.',
  http: [get('/groups/'), get('/groups')],
  access: 'user',
  input: z.object({}),
  output: z.array(ListedGroup),
  timeoutMs: 5_000,
});

/** Make a group that the caller owns and is the first member of. Under the same key: the first group, never a second one. */
export const create = command({
  summary: 'Make a group.',
  http: httpPost('/groups/create', { argumentsIn: 'query' }),
  access: 'user',
  repeatable: 'by-key',
  input: z.object({ name: GroupName, description: Description.nullish() }),
  output: z.object({
    group_id: Uuid,
    name: z.string(),
    description: z.string().nullable(),
    admin_id: Uuid,
    created_at: Timestamp,
  }),
  errors: [TooManyGroups],
});

/** Who may is the owner, an admin, and every member where `who_may_add` says so. */
export const addMember = command({
  summary: 'Add a user to a group.',
  http: httpPost('/groups/add-member/{group_id}', { argumentsIn: 'query' }),
  access: 'user',
  repeatable: 'by-key',
  input: z.object(member),
  output: z.object({
    message: z.literal('User added to group successfully'),
    member_id: Uuid,
    user_id: Uuid,
    username: z.string(),
    role: z.literal('member'),
    added_at: z.null(),
  }),
  errors: [GroupNotFound, OnlyAdminsAdd, UserToAddNotFound, BannedFromGroup, AlreadyAMember, GroupFull],
});

/** Admins remove members, the owner admins too; everybody himself, but for the owner. He gets nothing that is accepted afterwards. */
export const removeMember = command({
  summary: 'Remove a member from a group.',
  http: del('/groups/remove-member/{group_id}/{user_id}'),
  access: 'user',
  repeatable: 'by-key',
  input: z.object(member),
  output: z.object({ message: z.literal('Member removed successfully') }),
  errors: [GroupNotFound, OnlyAdminsRemove, OnlyTheOwner, MemberNotFound, OwnerCannotLeave],
});

export const leave = command({
  summary: 'Leave a group.',
  http: httpPost('/groups/{group_id}/leave'),
  access: 'user',
  legacy: false,
  repeatable: 'by-key',
  input: z.object(group),
  output: z.object({ message: z.literal('You have left the group') }),
  errors: [...notForOutsiders, OwnerCannotLeave],
});

/** Everybody in the group with his profile, by user; complete unless a part is asked for. */
export const memberList = query({
  summary: 'The members of a group.',
  http: get('/groups/{group_id}/members'),
  access: 'user',
  input: z.object({ ...group, ...page }),
  output: z.array(Member),
  errors: notForOutsiders,
  timeoutMs: 5_000,
});

export const details = query({
  summary: 'A group of the caller.',
  http: get('/groups/{group_id}'),
  access: 'user',
  input: z.object(group),
  output: GroupDetails,
  errors: notForOutsiders,
});

/**
 * Newest first: `limit` of them behind the first `offset`, or before the message `before`. Fewer than `limit`, but one at least, if more
 * would be over 4 MB; never more than 1,000. What was deleted is not there. `total` is their number in this answer.
 */
export const history = query({
  summary: 'The messages of a group, newest first.',
  http: get('/groups/{group_id}/messages'),
  access: 'user',
  input: z.object({
    ...group,
    limit: Int({ min: 0, max: 1_000_000_000 }).default(50),
    offset: Int({ min: 0, max: 1_000_000_000 }).default(0),
    before: Uuid.nullish(),
  }),
  output: z.object({ group_id: Uuid, total: z.int(), messages: z.array(HistoryMessage) }),
  errors: [...notForOutsiders, GroupMessageNotFound],
  timeoutMs: 5_000,
});

/** With all that is in it. */
export const remove = command({
  summary: 'Delete a group.',
  http: del('/groups/{group_id}'),
  access: 'user',
  repeatable: 'by-key',
  input: z.object(group),
  output: z.object({ message: z.literal('Group deleted successfully') }),
  errors: [GroupNotFound, OnlyOwnerDeletes],
  timeoutMs: 10_000,
});

/** What is not named stays. Who may rename and describe is a setting; settings are changed by the owner and admins. */
export const update = command({
  summary: 'Change the name, the description or the settings of a group.',
  http: patch('/groups/{group_id}'),
  access: 'user',
  legacy: false,
  repeatable: 'yes',
  input: z.object({ ...group, name: GroupName.min(1).nullish(), description: Description.nullish(), ...Settings.partial().shape }),
  output: GroupDetails,
  errors: [...notForOutsiders, OnlyAdminsEdit],
});

export const settings = query({
  summary: 'Who may do what in a group.',
  http: get('/groups/{group_id}/settings'),
  access: 'user',
  legacy: false,
  input: z.object(group),
  output: Settings.extend({ my_role: Role }),
  errors: notForOutsiders,
});

export const setRole = command({
  summary: 'Make a member an admin of the group, or an admin a member.',
  http: put('/groups/{group_id}/members/{user_id}/role'),
  access: 'user',
  legacy: false,
  repeatable: 'yes',
  input: z.object({ ...member, role: z.enum(['admin', 'member']) }),
  output: z.object({ user_id: Uuid, role: z.enum(['admin', 'member']) }),
  errors: [GroupNotFound, OnlyTheOwner, MemberNotFound],
});

/** The former owner stays, as an admin. */
export const transfer = command({
  summary: 'Hand a group over to one of its members.',
  http: httpPost('/groups/{group_id}/transfer'),
  access: 'user',
  legacy: false,
  repeatable: 'by-key',
  input: z.object(member),
  output: GroupDetails,
  errors: [GroupNotFound, OnlyTheOwner, MemberNotFound],
});

/** Removes him if he is a member, and nobody can add him until the ban is lifted. Admins can be banned by the owner only. */
export const ban = command({
  summary: 'Ban a user from a group.',
  http: put('/groups/{group_id}/bans/{user_id}'),
  access: 'user',
  legacy: false,
  repeatable: 'yes',
  input: z.object(member),
  output: z.object({ user_id: Uuid, is_banned: z.literal(true) }),
  errors: [GroupNotFound, OnlyAdminsRemove, OnlyTheOwner, OwnerCannotLeave],
});

export const unban = command({
  summary: 'Lift a ban.',
  http: del('/groups/{group_id}/bans/{user_id}'),
  access: 'user',
  legacy: false,
  repeatable: 'yes',
  input: z.object(member),
  output: z.object({ user_id: Uuid, is_banned: z.literal(false) }),
  errors: [GroupNotFound, OnlyAdminsRemove],
});

/** For the owner and admins, by user, at most 10,000. */
export const bans = query({
  summary: 'Who is banned from a group.',
  http: get('/groups/{group_id}/bans'),
  access: 'user',
  legacy: false,
  input: z.object(group),
  output: z.array(z.object({ user_id: Uuid, banned_by: Uuid.nullable(), banned_at: Timestamp })),
  errors: [GroupNotFound, OnlyAdminsRemove],
});

/** Store a message from the caller. Under the same key: the first message, never a second one. */
export const send = command({
  summary: 'Write a message to a group.',
  http: httpPost('/groups/{group_id}/messages'),
  access: 'user',
  legacy: false,
  repeatable: 'by-key',
  input: z.object({ ...group, ...Draft }),
  output: PostedMessage,
  errors: [...notForOutsiders, OnlyAdminsPost],
});

/** Its content is erased, for everybody. */
export const removeMessage = command({
  summary: 'Delete a message of a group.',
  http: del('/groups/{group_id}/messages/{message_id}'),
  access: 'user',
  legacy: false,
  repeatable: 'yes',
  input: z.object(message),
  output: z.object({ status: z.literal('Message deleted') }),
  errors: [...notForOutsiders, GroupMessageNotFound, NotYourMessage],
});

/** One statement, and nothing is written for what was marked before, for own messages, and for ids that are none in this group. */
export const markRead = command({
  summary: 'Note that the caller has read messages of a group.',
  http: put('/groups/{group_id}/read'),
  access: 'user',
  legacy: false,
  repeatable: 'yes',
  input: z.object({ ...group, message_ids: z.array(Uuid).max(1_000) }),
  output: z.object({ marked: z.int() }),
  errors: notForOutsiders,
});

export const readers = query({
  summary: 'Who has read a message of a group.',
  http: get('/groups/{group_id}/messages/{message_id}/readers'),
  access: 'user',
  legacy: false,
  input: z.object({ ...message, ...page }),
  output: z.array(z.object({ user_id: Uuid, read_at: Timestamp })),
  errors: [...notForOutsiders, GroupMessageNotFound],
});

/**
 * Store a message from `sender_id`, for who has received it otherwise than by HTTP. `message_id` is the sender's own name for it, any text: a
 * second message of his under the same name within a day is the first. Without it, the key of the call says so.
 */
export const post = command({
  summary: 'Store a message from a member.',
  access: 'internal',
  repeatable: 'by-key',
  input: z.object({ ...group, sender_id: Uuid, message_id: Text({ max: 255 }).nullish(), ...Draft }),
  output: PostedMessage,
  errors: [...notForOutsiders, OnlyAdminsPost],
});

/** A stored message with its content, for those who announce it. Nothing of one that was deleted. */
export const posted = query({
  summary: 'A stored message of a group.',
  access: 'internal',
  input: z.object({ message_id: Uuid }),
  output: z.object({ message: PostedMessage.nullable() }),
});

/** What a group is called and whose it is, for frames. Nothing of one that is gone. */
export const about = query({
  summary: 'The name and the owner of a group.',
  access: 'internal',
  input: z.object(group),
  output: z.object({
    group: z.object({ group_id: Uuid, name: z.string(), description: z.string().nullable(), admin_id: Uuid }).nullable(),
  }),
});

/** Everybody once, the owner too; nobody if there is no such group. */
export const members = query({
  summary: 'The ids of the members of a group.',
  access: 'internal',
  input: z.object(group),
  output: z.object({ user_ids: z.array(Uuid) }),
});

export const ofUser = query({
  summary: 'The groups that a user owns or has joined.',
  access: 'internal',
  input: z.object({ user_id: Uuid }),
  output: z.object({ group_ids: z.array(Uuid) }),
});

/**
 * Remove all that is kept of a user: his memberships, his messages, his receipts, and the groups that he owns, with all that is in them.
 * From then on nothing is taken from or for him, so that what was under way leaves nothing behind either.
 */
export const purge = command({
  summary: 'Remove all that is kept of a user.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({ user_id: Uuid }),
  output: z.object({}),
  timeoutMs: 5_000,
});

export const groupContract = contract('group', {
  list,
  create,
  addMember,
  removeMember,
  leave,
  memberList,
  details,
  history,
  remove,
  update,
  settings,
  setRole,
  transfer,
  ban,
  unban,
  bans,
  send,
  removeMessage,
  markRead,
  readers,
  post,
  posted,
  about,
  members,
  ofUser,
  purge,
});
