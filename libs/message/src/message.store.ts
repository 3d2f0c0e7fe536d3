import { Database, type Transaction } from '@banyan/platform/database/database';
import { sqlState } from '@banyan/platform/database/errors';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import { MessageExists, RecipientNotFound } from './contract';

export interface MessageRow {
  readonly id: string;
  readonly sender_id: string;
  readonly recipient_id: string;
  readonly encrypted_content: string;
  readonly encrypted_session_key: string;
  readonly sender_encrypted_content: string | null;
  readonly crypto_version: string;
  readonly encryption_algorithm: string;
  readonly kdf_algorithm: string;
  readonly signatures: Record<string, unknown>[];
  readonly is_read: boolean;
  readonly created_at: string;
}

export interface NewMessage {
  readonly id: string;
  readonly sender_id: string;
  readonly recipient_id: string;
  readonly encrypted_content: string;
  readonly encrypted_session_key: string;
  readonly sender_encrypted_content?: string | null;
  readonly crypto_version: string;
  readonly encryption_algorithm: string;
  readonly kdf_algorithm: string;
  readonly signatures?: readonly Record<string, unknown>[] | null;
}

/** Own tables have no foreign keys; legacy's say that the recipient has left between the look-up and the insert. */
export const FOREIGN_KEY_VIOLATION = '23503';

/** Conversations. Whoever deleted a message for himself does not see it; what was deleted for both, nobody sees. */
@Injectable()
export class MessageStore {
  constructor(private readonly database: Database) {}

  /** What can be in the way of an id: that one of the two is removed; of a chosen one, that it is taken. @throws RecipientNotFound, MessageExists */
  async insert(tx: Transaction, draft: NewMessage): Promise<MessageRow> {
    const statement = sql<MessageRow>`
      INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key,
        sender_encrypted_content, crypto_version, encryption_algorithm, kdf_algorithm, signatures, created_at)
      SELECT ${draft.id}::uuid, ${draft.sender_id}::uuid, ${draft.recipient_id}::uuid, ${draft.encrypted_content}, ${draft.encrypted_session_key},
        ${draft.sender_encrypted_content ?? null}, ${draft.crypto_version}, ${draft.encryption_algorithm}, ${draft.kdf_algorithm},
        ${JSON.stringify(draft.signatures ?? [])}::json, clock_timestamp()
      WHERE NOT EXISTS (SELECT 1 FROM banyan_message.removed_users WHERE user_id IN (${draft.sender_id}::uuid, ${draft.recipient_id}::uuid))
      ON CONFLICT DO NOTHING
      RETURNING id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content,
        crypto_version, encryption_algorithm, kdf_algorithm, signatures, is_read, created_at`;
    const [row] = await tx.query(statement).catch((error: unknown) => {
      throw sqlState(error) === FOREIGN_KEY_VIOLATION ? RecipientNotFound() : error;
    });
    if (row) return row;
    const removed = await tx.query(sql`
      SELECT 1 FROM banyan_message.removed_users WHERE user_id IN (${draft.sender_id}::uuid, ${draft.recipient_id}::uuid)`);
    throw removed.length > 0 ? RecipientNotFound() : MessageExists();
  }

  async find(messageId: string): Promise<MessageRow | undefined> {
    const [row] = await this.database.query<MessageRow>(sql`
      SELECT id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content,
        crypto_version, encryption_algorithm, kdf_algorithm, signatures, is_read, created_at
      FROM banyan_message.messages WHERE id = ${messageId}`);
    return row;
  }

  async exists(messageId: string): Promise<boolean> {
    return (await this.database.query(sql`SELECT 1 FROM banyan_message.messages WHERE id = ${messageId}`)).length > 0;
  }

  /** Oldest first. */
  listAll(userId: string, otherId: string): Promise<MessageRow[]> {
    return this.database.query<MessageRow>(sql`
      SELECT id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content,
        crypto_version, encryption_algorithm, kdf_algorithm, signatures, is_read, created_at
      FROM banyan_message.messages m
      WHERE least(sender_id, recipient_id) = least(${userId}::uuid, ${otherId}::uuid)
        AND greatest(sender_id, recipient_id) = greatest(${userId}::uuid, ${otherId}::uuid)
        AND NOT is_deleted
        AND NOT EXISTS (SELECT 1 FROM banyan_message.hidden_messages h WHERE h.user_id = ${userId} AND h.message_id = m.id)
      ORDER BY created_at, id`);
  }

  /** The newest ones, oldest first. */
  async listNewest(userId: string, otherId: string, limit: number): Promise<MessageRow[]> {
    const rows = await this.database.query<MessageRow>(sql`
      SELECT id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content,
        crypto_version, encryption_algorithm, kdf_algorithm, signatures, is_read, created_at
      FROM banyan_message.messages m
      WHERE least(sender_id, recipient_id) = least(${userId}::uuid, ${otherId}::uuid)
        AND greatest(sender_id, recipient_id) = greatest(${userId}::uuid, ${otherId}::uuid)
        AND NOT is_deleted
        AND NOT EXISTS (SELECT 1 FROM banyan_message.hidden_messages h WHERE h.user_id = ${userId} AND h.message_id = m.id)
      ORDER BY created_at DESC, id DESC LIMIT ${limit}`);
    return rows.reverse();
  }

  /** Those before another one of the conversation, oldest first. */
  async listBefore(userId: string, otherId: string, before: Pick<MessageRow, 'id' | 'created_at'>, limit: number): Promise<MessageRow[]> {
    const rows = await this.database.query<MessageRow>(sql`
      SELECT id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content,
        crypto_version, encryption_algorithm, kdf_algorithm, signatures, is_read, created_at
      FROM banyan_message.messages m
      WHERE least(sender_id, recipient_id) = least(${userId}::uuid, ${otherId}::uuid)
        AND greatest(sender_id, recipient_id) = greatest(${userId}::uuid, ${otherId}::uuid)
        AND (created_at, id) < (${before.created_at}::timestamptz, ${before.id}::uuid)
        AND NOT is_deleted
        AND NOT EXISTS (SELECT 1 FROM banyan_message.hidden_messages h WHERE h.user_id = ${userId} AND h.message_id = m.id)
      ORDER BY created_at DESC, id DESC LIMIT ${limit}`);
    return rows.reverse();
  }

  /** @returns false if it was read before */
  async markRead(tx: Transaction, messageId: string): Promise<boolean> {
    const rows = await tx.query(sql`
      UPDATE banyan_message.messages SET is_read = true, updated_at = now() WHERE id = ${messageId} AND NOT is_read RETURNING id`);
    return rows.length > 0;
  }

  /** @returns false if it was hidden before */
  async hide(tx: Transaction, userId: string, messageId: string): Promise<boolean> {
    const rows = await tx.query(sql`
      INSERT INTO banyan_message.hidden_messages (user_id, message_id) VALUES (${userId}, ${messageId}) ON CONFLICT DO NOTHING RETURNING message_id`);
    return rows.length > 0;
  }

  /** Nothing of the content stays, and nothing waits for the recipient any more. @returns false if it was erased before */
  async erase(tx: Transaction, messageId: string): Promise<boolean> {
    await tx.query(sql`SELECT id FROM banyan_message.messages WHERE id = ${messageId} FOR UPDATE`);
    const rows = await tx.query(sql`
      UPDATE banyan_message.messages
      SET is_deleted = true, encrypted_content = '', encrypted_session_key = '', sender_encrypted_content = NULL, signatures = '[]', updated_at = now()
      WHERE id = ${messageId} AND NOT is_deleted RETURNING id`);
    await tx.query(sql`DELETE FROM banyan_message.deliveries WHERE message_id = ${messageId}`);
    return rows.length > 0;
  }
}
