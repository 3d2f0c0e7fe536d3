import { Database } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Outbox } from '@banyan/platform/events/outbox';
import { Injectable } from '@nestjs/common';
import { messageReceived } from './contract';
import { MessageStore } from './message.store';

/** What recipients' devices say they have. Web clients say it again and again: a repeat reads one row and changes nothing. */
@Injectable()
export class ReceiptService {
  constructor(
    private readonly messages: MessageStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /** A message that this sender has not sent to this recipient is none. */
  async confirm(userId: string, messageId: string, senderId: string): Promise<{ is_known: boolean }> {
    const message = await this.messages.find(messageId);
    if (!message || message.recipient_id !== userId || message.sender_id !== senderId) return { is_known: false };
    if (await this.isConfirmed(messageId)) return { is_known: true };
    await this.database.transaction(async (tx) => {
      const isNew = await tx.query(sql`
        INSERT INTO banyan_message.receipts (message_id, recipient_id) VALUES (${messageId}, ${userId})
        ON CONFLICT DO NOTHING RETURNING message_id`);
      const parties = { message_id: messageId, sender_id: senderId, recipient_id: userId };
      if (isNew.length > 0) await this.outbox.add(tx, messageReceived, parties, { key: userId });
    });
    return { is_known: true };
  }

  private async isConfirmed(messageId: string): Promise<boolean> {
    return (await this.database.query(sql`SELECT 1 FROM banyan_message.receipts WHERE message_id = ${messageId}`)).length > 0;
  }
}
