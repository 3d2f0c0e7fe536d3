import { Database } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';

const BATCH = 1_000;

@Injectable()
export class RemovalStore {
  constructor(private readonly database: Database) {}

  /** From its commit on, statements that begin to store a message from or to him store nothing. */
  async mark(userId: string): Promise<void> {
    await this.database.query(sql`
      INSERT INTO banyan_message.removed_users (user_id) VALUES (${userId}) ON CONFLICT DO NOTHING RETURNING user_id`);
    await this.database.query(sql`DELETE FROM banyan_message.request_keys WHERE user_id = ${userId}`);
  }

  /**
   * Until every transaction that has begun to store a message has ended: each takes a key first, and this lock waits for all that have
   * written there. Others wait behind it in the meantime, so it does not wait long. @throws 55P03 if one of them is very slow
   */
  async awaitWriters(): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(sql`SET LOCAL lock_timeout = '1s'`);
      await tx.query(sql`LOCK TABLE banyan_message.request_keys IN SHARE MODE`);
    });
  }

  /** @returns false when nothing is left */
  async eraseSome(userId: string): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      // Said in both ways, because each data home has indexes for one of them.
      const erased = await tx.query<{ id: string; sender_id: string; recipient_id: string }>(sql`
        DELETE FROM banyan_message.messages WHERE id = ANY (ARRAY(
          SELECT id FROM banyan_message.messages
          WHERE (sender_id = ${userId} OR recipient_id = ${userId})
            AND (least(sender_id, recipient_id) = ${userId} OR greatest(sender_id, recipient_id) = ${userId})
          LIMIT ${BATCH}))
        RETURNING id, sender_id, recipient_id`);
      const ids = erased.map(({ id }) => id);
      await tx.query(sql`DELETE FROM banyan_message.deliveries WHERE message_id = ANY (${ids}::uuid[])`);
      await tx.query(sql`DELETE FROM banyan_message.receipts WHERE message_id = ANY (${ids}::uuid[])`);
      await tx.query(sql`
        DELETE FROM banyan_message.hidden_messages h USING unnest(
          ${[...ids, ...ids]}::uuid[],
          ${[...erased.map(({ sender_id }) => sender_id), ...erased.map(({ recipient_id }) => recipient_id)]}::uuid[]
        ) AS gone(message_id, user_id) WHERE h.user_id = gone.user_id AND h.message_id = gone.message_id`);
      if (erased.length === BATCH) return true;
      // What the monolith has erased before us left these: there is no index, but by then little else is.
      await tx.query(sql`DELETE FROM banyan_message.hidden_messages WHERE user_id = ${userId}`);
      await tx.query(sql`DELETE FROM banyan_message.deliveries WHERE recipient_id = ${userId} AND acknowledged_at IS NULL`);
      await tx.query(sql`DELETE FROM banyan_message.receipts WHERE recipient_id = ${userId}`);
      return false;
    });
  }
}
