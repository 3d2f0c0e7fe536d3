import { event, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

export const groupCreated = event('group.created', z.object({ group_id: Uuid, by: Uuid }));

/** `by` is whoever added him. Not for the creator of a new group. */
export const memberAdded = event('group.member.added', z.object({ group_id: Uuid, user_id: Uuid, by: Uuid }));

/** Nothing that is accepted after this was announced is for `user_id`. `account`: his account was removed. */
export const memberRemoved = event(
  'group.member.removed',
  z.object({ group_id: Uuid, user_id: Uuid, by: Uuid, reason: z.enum(['removed', 'left', 'banned', 'account']) }),
);

/** A message was accepted. Carries no content: `group.posted` has it, and `group.members` says who may have it now. */
export const groupMessage = event('group.message', z.object({ group_id: Uuid, message_id: Uuid, sender_id: Uuid }));

export const groupMessageDeleted = event('group.message.deleted', z.object({ group_id: Uuid, message_id: Uuid, by: Uuid }));

/** The group is gone, and nothing of it can be asked for any more: what its members are told stands here. The owner is among them. */
export const groupDeleted = event('group.deleted', z.object({ group_id: Uuid, name: z.string(), by: Uuid, member_ids: z.array(Uuid) }));

/** Its name, its settings, its owner or somebody's role is different now: ask again. */
export const groupChanged = event('group.changed', z.object({ group_id: Uuid }));
