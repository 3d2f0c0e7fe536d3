import { Database, type Queryable, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';

export interface GroupMessageRow {
  readonly id: string;
  readonly group_id: string;
  readonly sender_id: string;
  readonly encrypted_content: string;
  /** JSON: a key for each member. */
  readonly encrypted_session_key: string;
  readonly created_at: string;
}

export interface ReaderRow {
  readonly user_id: string;
  readonly read_at: string;
}

/** As `Outbox.draft` makes it. */
export interface Announcement {
  readonly id: string;
  readonly name: string;
  readonly key: string | null;
  readonly payload: string;
  readonly trace: string | null;
}

/** A place in the history. */
export type Place = Pick<GroupMessageRow, 'id' | 'created_at'>;

/** After every message. */
const THE_END: Place = { created_at: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };
/** Below every id. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const BATCH = 1_000;

/** What was written to groups, and who has read it. */
@Injectable()
export class MessageStore {
  constructor(private readonly database: Database) {}

  /** With its event, in one statement. */
  async insert(tx: Transaction, draft: Omit<GroupMessageRow, 'created_at'>, event: Announcement): Promise<Place> {
    const [row] = await tx.query<Place>(sql`
      WITH stored AS (
        INSERT INTO banyan_group.group_messages (id, group_id, sender_id, encrypted_content, encrypted_session_key, created_at, updated_at)
        VALUES (${draft.id}, ${draft.group_id}, ${draft.sender_id}, ${draft.encrypted_content}, ${draft.encrypted_session_key},
                clock_timestamp(), clock_timestamp())
        ON CONFLICT DO NOTHING RETURNING id, created_at
      ), announced AS (
        INSERT INTO banyan_group.outbox (id, name, key, payload, trace)
        SELECT ${event.id}::uuid, ${event.name}, ${event.key}, ${event.payload}::json, ${event.trace} FROM stored
      )
      SELECT id, created_at FROM stored`);
    if (!row) throw new Error(`group message ${draft.id} exists already`);
    return row;
  }

  /** Of a group that is there. */
  async findPosted(messageId: string): Promise<GroupMessageRow | undefined> {
    const [row] = await this.database.query<GroupMessageRow>(sql`
      SELECT m.id, m.group_id, m.sender_id, m.encrypted_content, m.encrypted_session_key, m.created_at
      FROM banyan_group.group_messages m JOIN banyan_group.groups g ON g.id = m.group_id
      WHERE m.id = ${messageId} AND NOT m.is_deleted`);
    return row;
  }

  /** Also one that was deleted. */
  async findIn(
    groupId: string,
    messageId: string,
    database: Queryable = this.database,
  ): Promise<(Place & { sender_id: string; is_deleted: boolean }) | undefined> {
    const [row] = await database.query<Place & { sender_id: string; is_deleted: boolean }>(sql`
      SELECT id, sender_id, created_at, is_deleted FROM banyan_group.group_messages WHERE id = ${messageId} AND group_id = ${groupId}`);
    return row;
  }

  /**
   * Newest first. Whether the reader is in the group is asked by the same statement, which sees one moment: between two, he could be removed
   * and something be written. `limitBytes` bounds what is more than one message.
   */
  listFor(
    readerId: string,
    groupId: string,
    { before = THE_END, limit, offset, limitBytes }: { before?: Place; limit: number; offset: number; limitBytes: number },
  ): Promise<GroupMessageRow[]> {
    return this.database.query<GroupMessageRow>(sql`
      SELECT id, group_id, sender_id, encrypted_content, encrypted_session_key, created_at FROM (
        SELECT part.*, row_number() OVER newest AS n,
          sum(octet_length(encrypted_content) + octet_length(encrypted_session_key)) OVER newest AS bytes
        FROM (
          SELECT id, group_id, sender_id, encrypted_content, encrypted_session_key, created_at FROM banyan_group.group_messages
          WHERE group_id = ${groupId} AND (created_at, id) < (${before.created_at}::timestamptz, ${before.id}::uuid) AND NOT is_deleted
            AND (EXISTS (SELECT FROM banyan_group.group_members WHERE group_id = ${groupId} AND user_id = ${readerId})
                 OR EXISTS (SELECT FROM banyan_group.groups WHERE id = ${groupId} AND admin_id = ${readerId}))
          ORDER BY created_at DESC, id DESC LIMIT ${limit} OFFSET ${offset}) AS part
        WINDOW newest AS (ORDER BY created_at DESC, id DESC)) AS counted
      WHERE n = 1 OR bytes <= ${limitBytes} ORDER BY created_at DESC, id DESC`);
  }

  /** Nothing of the content stays, also not for legacy, which shows it then as empty. @returns false if it was erased before */
  async erase(tx: Transaction, messageId: string): Promise<boolean> {
    await tx.query(sql`SELECT id FROM banyan_group.group_messages WHERE id = ${messageId} FOR UPDATE`);
    const rows = await tx.query(sql`
      UPDATE banyan_group.group_messages
      SET is_deleted = true, encrypted_content = '', encrypted_session_key = '{}', updated_at = clock_timestamp()
      WHERE id = ${messageId} AND NOT is_deleted RETURNING id`);
    return rows.length > 0;
  }

  /** Those that are others', in this group, and not marked by him. In the order of ids. */
  async listUnread(groupId: string, userId: string, messageIds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(sql`
      SELECT id FROM banyan_group.group_messages m
      WHERE id = ANY (${messageIds}::uuid[]) AND group_id = ${groupId} AND sender_id <> ${userId} AND NOT is_deleted
        AND NOT EXISTS (SELECT FROM banyan_group.group_read_receipts r WHERE r.message_id = m.id AND r.user_id = ${userId})
      ORDER BY id`);
    return rows.map(({ id }) => id);
  }

  /** @returns how many were not marked before */
  async markRead(tx: Transaction, userId: string, receipts: readonly { id: string; message_id: string }[]): Promise<number> {
    const rows = await tx.query(sql`
      INSERT INTO banyan_group.group_read_receipts (id, message_id, user_id)
      SELECT r.id, r.message_id, ${userId}::uuid
      FROM unnest(${receipts.map(({ id }) => id)}::uuid[], ${receipts.map(({ message_id }) => message_id)}::uuid[]) AS r (id, message_id)
      WHERE EXISTS (SELECT FROM banyan_group.group_messages m WHERE m.id = r.message_id)
      ORDER BY r.message_id
      ON CONFLICT DO NOTHING RETURNING id`);
    return rows.length;
  }

  /** By user. */
  listReaders(messageId: string, { limit, after }: { limit: number; after?: string | null }): Promise<ReaderRow[]> {
    return this.database.query<ReaderRow>(sql`
      SELECT user_id, read_at FROM banyan_group.group_read_receipts
      WHERE message_id = ${messageId} AND user_id > ${after ?? FIRST_ID} ORDER BY user_id LIMIT ${limit}`);
  }

  /** Some messages of a group that is gone. @returns false when none is left */
  sweep(groupId: string): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const erased = await tx.query<{ id: string }>(sql`
        DELETE FROM banyan_group.group_messages WHERE id = ANY (ARRAY(
          SELECT id FROM banyan_group.group_messages WHERE group_id = ${groupId} LIMIT ${BATCH}))
          AND NOT EXISTS (SELECT FROM banyan_group.groups WHERE id = ${groupId})
        RETURNING id`);
      await this.removeReceipts(tx, erased);
      return erased.length === BATCH;
    });
  }

  /** Some messages and receipts of a user. @returns false when none is left */
  eraseSomeOf(userId: string): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const erased = await tx.query<{ id: string }>(sql`
        DELETE FROM banyan_group.group_messages WHERE id = ANY (ARRAY(
          SELECT id FROM banyan_group.group_messages WHERE sender_id = ${userId} LIMIT ${BATCH})) RETURNING id`);
      await this.removeReceipts(tx, erased);
      const receipts = await tx.query(sql`
        DELETE FROM banyan_group.group_read_receipts WHERE id = ANY (ARRAY(
          SELECT id FROM banyan_group.group_read_receipts WHERE user_id = ${userId} LIMIT ${BATCH})) RETURNING id`);
      return erased.length === BATCH || receipts.length === BATCH;
    });
  }

  private async removeReceipts(tx: Transaction, messages: readonly { id: string }[]): Promise<void> {
    await tx.query(sql`DELETE FROM banyan_group.group_read_receipts WHERE message_id = ANY (${messages.map(({ id }) => id)}::uuid[])`);
  }
}
