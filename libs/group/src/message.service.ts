import type { Input } from '@banyan/platform/contract';
import { Database } from '@banyan/platform/database/database';
import { hashBody, once } from '@banyan/platform/database/request-keys';
import { Outbox } from '@banyan/platform/events/outbox';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import {
  groupMessage,
  groupMessageDeleted,
  GroupMessageNotFound,
  GroupNotFound,
  type history,
  type HistoryMessage,
  MEMBERS_LIMIT,
  NotAMember,
  NotYourMessage,
  OnlyAdminsPost,
  type post,
  type PostedMessage,
  type send,
} from './contract';
import { GroupService, KEY_LIFE_MS } from './group.service';
import { GroupStore, isOrphan } from './group.store';
import { MemberStore } from './member.store';
import { type GroupMessageRow, MessageStore } from './message.store';

const HISTORY_LIMIT = 1_000;
/** As it is kept; in the answer it is up to three times as much. */
const HISTORY_BYTES = 4_000_000;

type Draft = Input<typeof send>;

/** What is written to groups. */
@Injectable()
export class MessageService {
  constructor(
    private readonly store: MessageStore,
    private readonly groups: GroupStore,
    private readonly members: MemberStore,
    private readonly group: GroupService,
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  send(senderId: string, key: string, { group_id, encrypted_content, encrypted_session_keys }: Draft): Promise<PostedMessage> {
    return this.accept(senderId, key, { group_id, encrypted_content, encrypted_session_keys });
  }

  /** The client's own name for the message is as good as a key. */
  post({ sender_id, message_id, ...draft }: Input<typeof post>, key: string): Promise<PostedMessage> {
    return this.accept(sender_id, message_id ? `named ${hashBody(message_id)}` : key, draft);
  }

  /**
   * The sender is in the group when the message is committed, and so is everybody who is asked for after that: whoever removes somebody
   * waits for the messages that were begun before, and those that begin later find him gone.
   */
  private async accept(senderId: string, key: string, draft: Draft): Promise<PostedMessage> {
    const { group_id, encrypted_content, encrypted_session_keys } = draft;
    const request = { userId: senderId, key, operation: 'group.post', body: draft, ttlMs: KEY_LIFE_MS };
    const place = await this.database.transaction((tx) =>
      once(tx, request, async () => {
        await this.groups.share(tx, group_id, senderId);
        if (this.database.isLegacy) await this.members.hold(tx, group_id, senderId);
        const { role, who_may_post } = await this.group.getPlace(senderId, group_id, tx);
        if (who_may_post === 'admins' && role === 'member') throw OnlyAdminsPost();
        const row = {
          id: uuidv7(),
          group_id,
          sender_id: senderId,
          encrypted_content,
          encrypted_session_key: JSON.stringify(encrypted_session_keys),
        };
        const event = this.outbox.draft(groupMessage, { group_id, message_id: row.id, sender_id: senderId }, { key: group_id });
        const stored = await this.store.insert(tx, row, event).catch((error: unknown) => {
          throw isOrphan(error) ? GroupNotFound() : error; // legacy has deleted it, or him
        });
        tx.onCommit(() => this.outbox.wake());
        return stored;
      }),
    );
    // Kept without the content, which whoever repeats it has brought along.
    return { message_id: place.id, group_id, sender_id: senderId, encrypted_content, encrypted_session_keys, created_at: place.created_at };
  }

  async getPosted(messageId: string): Promise<{ message: PostedMessage | null }> {
    const row = await this.store.findPosted(messageId);
    return { message: row ? toPosted(row) : null };
  }

  async listHistory(userId: string, { group_id, limit, offset, before }: Input<typeof history>) {
    await this.group.getPlace(userId, group_id);
    const beginning = before ? await this.getIn(group_id, before) : undefined;
    const part = { before: beginning, limit: Math.min(limit, HISTORY_LIMIT), offset, limitBytes: HISTORY_BYTES };
    const messages = (await this.store.listFor(userId, group_id, part)).map(toHistory);
    return { group_id, total: messages.length, messages };
  }

  async remove(userId: string, groupId: string, messageId: string) {
    const { role } = await this.group.getPlace(userId, groupId);
    const message = await this.getIn(groupId, messageId);
    if (message.sender_id !== userId && role === 'member') throw NotYourMessage();
    await this.database.transaction(async (tx) => {
      if (!(await this.store.erase(tx, messageId))) return;
      await this.outbox.add(tx, groupMessageDeleted, { group_id: groupId, message_id: messageId, by: userId }, { key: groupId });
    });
    return { status: 'Message deleted' as const };
  }

  /** Clients say the same again and again: what is marked already costs two questions and no transaction. */
  async markRead(userId: string, groupId: string, messageIds: readonly string[]) {
    await this.group.getPlace(userId, groupId);
    const unread = await this.store.listUnread(groupId, userId, messageIds);
    if (unread.length === 0) return { marked: 0 };
    const marked = await this.database.transaction(async (tx) => {
      if (!(await this.groups.holdUser(tx, userId))) throw NotAMember();
      return this.store.markRead(
        tx,
        userId,
        unread.map((message_id) => ({ id: uuidv7(), message_id })),
      );
    });
    return { marked };
  }

  async listReaders(
    userId: string,
    { group_id, message_id, limit, after }: { group_id: string; message_id: string; limit?: number | null; after?: string | null },
  ) {
    await this.group.getPlace(userId, group_id);
    await this.getIn(group_id, message_id);
    return this.store.listReaders(message_id, { limit: limit ?? MEMBERS_LIMIT, after });
  }

  /** What is left of a group that is gone. */
  async sweep(groupId: string): Promise<void> {
    while (await this.store.sweep(groupId));
  }

  private async getIn(groupId: string, messageId: string) {
    const message = await this.store.findIn(groupId, messageId);
    if (!message) throw GroupMessageNotFound();
    return message;
  }
}

function toPosted({ id, encrypted_session_key, ...row }: GroupMessageRow): PostedMessage {
  return { message_id: id, ...row, encrypted_session_keys: keysOf(encrypted_session_key) };
}

/** Whatever legacy has kept there. */
function keysOf(text: string): Record<string, unknown> {
  try {
    const keys: unknown = JSON.parse(text);
    return typeof keys === 'object' && keys !== null && !Array.isArray(keys) ? (keys as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const hex = (text: string) => Buffer.from(text).toString('hex');

function toHistory({ id, sender_id, encrypted_content, encrypted_session_key, created_at }: GroupMessageRow): HistoryMessage {
  return {
    id,
    message_id: id,
    sender_id,
    content: encrypted_content,
    encrypted_content: hex(encrypted_content),
    encrypted_session_key: hex(encrypted_session_key),
    created_at,
    timestamp: created_at,
  };
}
