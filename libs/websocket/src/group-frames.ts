import type { PostedMessage } from '@banyan/group/contract';
import type { Frame } from './contract';

interface About {
  readonly group_id: string;
  readonly name: string;
  readonly description: string | null;
  readonly admin_id: string;
}

/** Of an event: `id` names the frame, so that a repeat makes the same one. */
interface Happened {
  readonly id: string;
  readonly occurred_at: string;
}

/** To everybody in the group but its sender. */
export const newGroupMessageFrame = (message: PostedMessage): Frame => {
  const { group_id, sender_id, message_id, encrypted_content, encrypted_session_keys, created_at: timestamp } = message;
  return {
    type: 'new_group_message',
    id: message_id,
    body: { group_id, sender_id, message_id, encrypted_content, encrypted_session_keys, timestamp },
  };
};

/** To its sender's devices. */
export const groupMessageSentFrame = ({ group_id, message_id, created_at: timestamp }: PostedMessage): Frame => ({
  type: 'group_message_sent',
  id: message_id,
  body: { group_id, message_id, status: 'sent', timestamp },
});

export const groupCreatedFrame = (group: About, { id, occurred_at: timestamp }: Happened): Frame => ({
  type: 'group_created',
  id,
  body: { ...described(group), timestamp },
});

/** Whatever may have changed, as it is now. */
export const groupUpdatedFrame = (group: About, { id, occurred_at: timestamp }: Happened): Frame => ({
  type: 'group_updated',
  id,
  body: { ...described(group), timestamp },
});

export const addedToGroupFrame = (
  { group_id, name: group_name }: About,
  by: { readonly id: string; readonly username: string },
  { id, occurred_at: timestamp }: Happened,
): Frame => ({
  type: 'added_to_group',
  id,
  body: { group_id, group_name, added_by: by.username, added_by_id: by.id, role: 'member', timestamp },
});

export const memberAddedFrame = (
  group_id: string,
  member: { readonly id: string; readonly username: string },
  added_by: string,
  { id, occurred_at: timestamp }: Happened,
): Frame => ({
  type: 'member_added',
  id,
  body: { group_id, new_member_id: member.id, new_member_username: member.username, added_by, timestamp },
});

export const removedFromGroupFrame = (group_id: string, removed_by: string, { id, occurred_at: timestamp }: Happened): Frame => ({
  type: 'removed_from_group',
  id,
  body: { group_id, removed_by, timestamp },
});

export const memberRemovedFrame = (group_id: string, removed_user_id: string, { id, occurred_at: timestamp }: Happened): Frame => ({
  type: 'member_removed',
  id,
  body: { group_id, removed_user_id, timestamp },
});

export const groupDeletedFrame = (
  { group_id, name: group_name, by: deleted_by }: { readonly group_id: string; readonly name: string; readonly by: string },
  { id, occurred_at: timestamp }: Happened,
): Frame => ({ type: 'group_deleted', id, body: { group_id, group_name, deleted_by, timestamp } });

const described = ({ group_id, name, description, admin_id }: About) => ({ group_id, name, description, admin_id });
