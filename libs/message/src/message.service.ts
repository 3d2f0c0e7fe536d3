import type { ClientOf, Input } from '@banyan/platform/contract';
import { Database } from '@banyan/platform/database/database';
import { once } from '@banyan/platform/database/request-keys';
import { Client } from '@banyan/platform/dispatch/client';
import { Outbox } from '@banyan/platform/events/outbox';
import { userContract } from '@banyan/user/contract';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { AttachmentService, toAttachment } from './attachment.service';
import {
  type Message,
  messageDeleted,
  MessageNotFound,
  messageRead,
  messageSent,
  NotTheRecipient,
  NotTheSender,
  OnlySenderDeletesForBoth,
  RecipientNotFound,
  type post,
  type send,
} from './contract';
import { USUAL_TTL_DAYS } from './delivery.service';
import { DeliveryStore } from './delivery.store';
import { type MessageRow, MessageStore } from './message.store';

export const KEY_LIFE_MS = 24 * 3_600_000;

@Injectable()
export class MessageService {
  constructor(
    private readonly store: MessageStore,
    private readonly deliveries: DeliveryStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly attachments: AttachmentService,
    @Client(userContract) private readonly users: ClientOf<typeof userContract>,
  ) {}

  async exists(messageId: string): Promise<{ exists: boolean }> {
    return { exists: await this.store.exists(messageId) };
  }

  async send(senderId: string, key: string, draft: Input<typeof send>): Promise<Message> {
    if (draft.sender_id !== senderId) throw NotTheSender();
    const { allowed } = await this.users.canMessage({ from: senderId, to: draft.recipient_id }); // may be remote: before the transaction
    if (!allowed) throw RecipientNotFound();
    return this.database.transaction((tx) =>
      once(tx, { userId: senderId, key, operation: 'message.send', body: draft, ttlMs: KEY_LIFE_MS }, async () => {
        const row = await this.store.insert(tx, { id: uuidv7(), ...draft });
        await this.outbox.add(tx, messageSent, { ...partiesOf(row), position: null }, { key: row.recipient_id });
        return toMessage(row, []);
      }),
    );
  }

  /** Not with the others of the moment, as in `accept`: an id that is taken would be found out after its key is. */
  async post(senderId: string, key: string, draft: Input<typeof post>) {
    const { allowed } = await this.users.canMessage({ from: senderId, to: draft.recipient_id });
    if (!allowed) throw RecipientNotFound();
    const { message_id, media_ids, ...content } = draft;
    const media_refs = media_ids?.map((id) => ({ id })) ?? null;
    const stored = await this.database.transaction((tx) =>
      once(tx, { userId: senderId, key, operation: 'message.post', body: draft, ttlMs: KEY_LIFE_MS }, async () => {
        const row = await this.store.insert(tx, { id: message_id ?? uuidv7(), sender_id: senderId, ...content });
        const position = await this.deliveries.enqueue(tx, { ...row, media_refs }, USUAL_TTL_DAYS);
        await this.outbox.add(
          tx,
          messageSent,
          { ...partiesOf(row), position, names_files: media_refs !== null },
          { key: row.recipient_id },
        );
        return { message_id: row.id, created_at: row.created_at };
      }),
    );
    const attachments = await this.attachments.tryLink(stored.message_id, senderId, draft.recipient_id, media_refs);
    return { ...stored, attachments: (attachments ?? []).map(toAttachment) };
  }

  async haveWritten(userId: string, otherId: string): Promise<{ written: boolean }> {
    return { written: (await this.store.listNewest(userId, otherId, 1)).length > 0 };
  }

  async listConversation(
    userId: string,
    otherId: string,
    { limit, before }: { limit: number | null; before: string | null },
  ): Promise<Message[]> {
    const rows = before
      ? await this.store.listBefore(userId, otherId, await this.getOwn(userId, before), limit ?? 100)
      : limit
        ? await this.store.listNewest(userId, otherId, limit)
        : await this.store.listAll(userId, otherId);
    const attachments = await this.attachments.of(rows.map(({ id }) => id));
    return rows.map((row) => toMessage(row, attachments.get(row.id) ?? []));
  }

  async markRead(userId: string, messageId: string) {
    const row = await this.getOwn(userId, messageId);
    if (row.recipient_id !== userId) throw NotTheRecipient();
    await this.database.transaction(async (tx) => {
      if (await this.store.markRead(tx, messageId)) await this.outbox.add(tx, messageRead, partiesOf(row), { key: row.recipient_id });
    });
    return { status: 'Message marked as read' as const };
  }

  async remove(userId: string, messageId: string, scope: 'me' | 'both') {
    const row = await this.getOwn(userId, messageId);
    if (scope === 'both' && row.sender_id !== userId) throw OnlySenderDeletesForBoth();
    await this.database.transaction(async (tx) => {
      const isNew = scope === 'both' ? await this.store.erase(tx, messageId) : await this.store.hide(tx, userId, messageId);
      if (isNew)
        await this.outbox.add(tx, messageDeleted, { ...partiesOf(row), deleted_by: userId, for: scope }, { key: row.recipient_id });
    });
    return { status: 'Message deleted' as const };
  }

  /** A message of others is as unknown as one that never was. */
  private async getOwn(userId: string, messageId: string): Promise<MessageRow> {
    const row = await this.store.find(messageId);
    if (!row || (row.sender_id !== userId && row.recipient_id !== userId)) throw MessageNotFound();
    return row;
  }
}

const partiesOf = ({ id, sender_id, recipient_id }: MessageRow) => ({ message_id: id, sender_id, recipient_id });

/** The row itself, which nobody else has: to copy conversations would be a twentieth of what they cost. */
function toMessage(row: MessageRow, attachments: Message['media_attachments']): Message {
  return Object.assign(row, { has_media: attachments.length > 0, media_attachments: attachments });
}
