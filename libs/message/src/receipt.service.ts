import type { Input } from '@banyan/platform/contract';
import { Database } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Outbox } from '@banyan/platform/events/outbox';
import { Injectable } from '@nestjs/common';
import { type confirmReceipt, messageRead, messageReceived } from './contract';
import { MessageStore } from './message.store';

/** What recipients' devices say they have and have read. Web clients say it again and again: a repeat only reads, and changes nothing. */
@Injectable()
export class ReceiptService {
  constructor(
    private readonly messages: MessageStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /** A message that this sender has not sent to this recipient is none. */
  async confirm(userId: string, { message_id, sender_id, read }: Input<typeof confirmReceipt>): Promise<{ is_known: boolean }> {
    const message = await this.messages.find(message_id);
    if (!message || message.recipient_id !== userId || message.sender_id !== sender_id) return { is_known: false };
    const parties = { message_id, sender_id, recipient_id: userId };
    if (read ? !message.is_read : !(await this.isReceived(message_id)))
      await this.database.transaction(async (tx) => {
        if (read) {
          if (await this.messages.markRead(tx, message_id)) await this.outbox.add(tx, messageRead, parties, { key: userId });
          return;
        }
        const isNew = await tx.query(sql`
          INSERT INTO banyan_message.receipts (message_id, recipient_id) VALUES (${message_id}, ${userId})
          ON CONFLICT DO NOTHING RETURNING message_id`);
        if (isNew.length > 0) await this.outbox.add(tx, messageReceived, parties, { key: userId });
      });
    return { is_known: true };
  }

  private async isReceived(messageId: string): Promise<boolean> {
    return (await this.database.query(sql`SELECT 1 FROM banyan_message.receipts WHERE message_id = ${messageId}`)).length > 0;
  }
}
