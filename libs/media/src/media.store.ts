import { Database, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';

/** What is in the object store. */
export interface ObjectRow {
  readonly id: string;
  readonly name: string;
  /** Null: taken by the monolith, which did not keep it. */
  readonly uploader_id: string | null;
  readonly state: 'reserved' | 'stored' | 'removed';
  readonly file_name: string;
  readonly file_type: string;
  readonly served_type: string | null;
  readonly size_bytes: number | null;
  readonly sha256: string | null;
  readonly thumbnail: string | null;
  readonly message_id: string | null;
  readonly is_listed: boolean;
  readonly created_at: string;
}

export interface AttachmentRow {
  readonly id: string;
  readonly message_id: string | null;
  readonly file_name: string;
  readonly file_type: string;
  readonly file_size: number;
  readonly file_url: string;
  readonly thumbnail_url: string | null;
  readonly created_at: string;
  /** Of the message, as far as that is known here. */
  readonly sender_id: string | null;
  readonly recipient_id: string | null;
}

/** Of the file, in the object store and in the monolith's folder. */
export const nameOf = ({ file_url }: Pick<AttachmentRow, 'file_url'>): string => file_url.split('/').at(-1)!;

/** A reservation that is older than this is over. */
const RESERVED_MINUTES = 60;

@Injectable()
export class MediaStore {
  constructor(private readonly database: Database) {}

  async isRemoved(tx: Transaction, userId: string): Promise<boolean> {
    return (await tx.query(sql`SELECT FROM banyan_media.removed_users WHERE user_id = ${userId}`)).length > 0;
  }

  async used(userId: string): Promise<number> {
    const [row] = await this.database.query<{ used_bytes: number }>(sql`
      SELECT used_bytes FROM banyan_media.media_usage WHERE user_id = ${userId}`);
    return row?.used_bytes ?? 0;
  }

  /** @returns false if it would be more than `quota` */
  async use(tx: Transaction, userId: string, bytes: number, quota: number): Promise<boolean> {
    if (bytes > quota) return false;
    const rows = await tx.query(sql`
      INSERT INTO banyan_media.media_usage AS u (user_id, used_bytes) VALUES (${userId}, ${bytes})
      ON CONFLICT (user_id) DO UPDATE SET used_bytes = u.used_bytes + excluded.used_bytes
      WHERE u.used_bytes + excluded.used_bytes <= ${quota} RETURNING user_id`);
    return rows.length > 0;
  }

  async reserve(
    tx: Transaction,
    row: Pick<ObjectRow, 'id' | 'name' | 'file_name' | 'file_type'> & { uploader_id: string; expires: boolean },
  ): Promise<void> {
    await tx.query(sql`
      INSERT INTO banyan_media.media_objects (id, name, uploader_id, state, file_name, file_type, expires)
      VALUES (${row.id}, ${row.name}, ${row.uploader_id}, 'reserved', ${row.file_name}, ${row.file_type}, ${row.expires})
      ON CONFLICT DO NOTHING`);
  }

  async find(id: string): Promise<ObjectRow | undefined> {
    const [row] = await this.database.query<ObjectRow>(sql`
      SELECT id, name, uploader_id, state, file_name, file_type, served_type, size_bytes, sha256, thumbnail, message_id, is_listed, created_at
      FROM banyan_media.media_objects WHERE id = ${id}`);
    return row;
  }

  async lock(tx: Transaction, id: string): Promise<ObjectRow | undefined> {
    const [row] = await tx.query<ObjectRow>(sql`
      SELECT id, name, uploader_id, state, file_name, file_type, served_type, size_bytes, sha256, thumbnail, message_id, is_listed, created_at
      FROM banyan_media.media_objects WHERE id = ${id} FOR UPDATE`);
    return row;
  }

  /** By the name of the file or of its thumbnail; `isThere` is false if the monolith has removed it. */
  async findByName(name: string): Promise<(ObjectRow & { readonly is_there: boolean }) | undefined> {
    const [row] = await this.database.query<ObjectRow & { is_there: boolean }>(sql`
      SELECT o.id, o.name, o.uploader_id, o.state, o.file_name, o.file_type, o.served_type, o.size_bytes, o.sha256, o.thumbnail,
        o.message_id, o.is_listed, o.created_at,
        o.state = 'stored' AND (NOT o.is_listed OR EXISTS (SELECT FROM banyan_media.media_attachments a WHERE a.id = o.id)) AS is_there
      FROM banyan_media.media_objects o WHERE o.name = ${name} OR o.thumbnail = ${name}`);
    return row;
  }

  /** From now on it is found. The row of attachments is made too, where one without a message can be. */
  async store(
    tx: Transaction,
    row: ObjectRow,
    stored: { size_bytes: number; sha256: string; served_type: string; file_url: string },
  ): Promise<void> {
    const listed = await tx.query(sql`
      INSERT INTO banyan_media.media_attachments (id, message_id, file_name, file_type, file_size, file_url, created_at)
      VALUES (${row.id}, NULL, ${row.file_name}, ${row.file_type}, ${stored.size_bytes}, ${stored.file_url}, clock_timestamp())
      ON CONFLICT DO NOTHING RETURNING id`);
    await tx.query(sql`
      UPDATE banyan_media.media_objects
      SET state = 'stored', size_bytes = ${stored.size_bytes}, sha256 = ${stored.sha256}, served_type = ${stored.served_type},
        is_listed = ${listed.length > 0}, changed_at = clock_timestamp()
      WHERE id = ${row.id}`);
  }

  async setServedType(id: string, type: string): Promise<void> {
    await this.database.query(sql`UPDATE banyan_media.media_objects SET served_type = ${type} WHERE id = ${id} AND served_type IS NULL`);
  }

  /** @returns false if it is gone by now */
  async setThumbnail(tx: Transaction, id: string, name: string, url: string): Promise<boolean> {
    const rows = await tx.query(sql`
      UPDATE banyan_media.media_objects SET thumbnail = ${name} WHERE id = ${id} AND state = 'stored' AND thumbnail IS NULL RETURNING id`);
    if (rows.length > 0) await tx.query(sql`UPDATE banyan_media.media_attachments SET thumbnail_url = ${url} WHERE id = ${id}`);
    return rows.length > 0;
  }

  /** Those that this uploader may link to the message: his, and ones that the monolith took, whose ids nobody else knows. */
  async lockLinkable(tx: Transaction, ids: readonly string[], uploaderId: string, messageId: string): Promise<ObjectRow[]> {
    return tx.query<ObjectRow>(sql`
      SELECT id, name, uploader_id, state, file_name, file_type, served_type, size_bytes, sha256, thumbnail, message_id, is_listed, created_at
      FROM banyan_media.media_objects
      WHERE id = ANY (${ids}::uuid[]) AND state = 'stored' AND coalesce(uploader_id, ${uploaderId}) = ${uploaderId}
        AND coalesce(message_id, ${messageId}) = ${messageId}
      ORDER BY id FOR UPDATE`);
  }

  async known(tx: Transaction, ids: readonly string[]): Promise<Set<string>> {
    const rows = await tx.query<{ id: string }>(sql`SELECT id FROM banyan_media.media_objects WHERE id = ANY (${ids}::uuid[])`);
    return new Set(rows.map(({ id }) => id));
  }

  async lockAttachments(tx: Transaction, ids: readonly string[]): Promise<AttachmentRow[]> {
    return tx.query<AttachmentRow>(sql`
      SELECT id, message_id, file_name, file_type, file_size, file_url, thumbnail_url, created_at, sender_id, recipient_id
      FROM banyan_media.media_attachments WHERE id = ANY (${ids}::uuid[]) ORDER BY id FOR UPDATE`);
  }

  async linkListed(tx: Transaction, id: string, messageId: string, senderId: string, recipientId: string | null): Promise<void> {
    await tx.query(sql`
      UPDATE banyan_media.media_attachments SET message_id = ${messageId}, sender_id = ${senderId}, recipient_id = ${recipientId}
      WHERE id = ${id} AND message_id IS NULL`);
  }

  async linkUnlisted(
    tx: Transaction,
    row: ObjectRow,
    {
      messageId,
      senderId,
      recipientId,
      url,
      thumbnailUrl,
    }: { messageId: string; senderId: string; recipientId: string | null; url: string; thumbnailUrl: string | null },
  ): Promise<void> {
    await tx.query(sql`
      INSERT INTO banyan_media.media_attachments
        (id, message_id, file_name, file_type, file_size, file_url, thumbnail_url, created_at, sender_id, recipient_id)
      VALUES (${row.id}, ${messageId}, ${row.file_name}, ${row.file_type}, ${row.size_bytes}, ${url}, ${thumbnailUrl},
        ${row.created_at}::timestamptz, ${senderId}, ${recipientId})
      ON CONFLICT DO NOTHING RETURNING id`);
  }

  async noteLinked(tx: Transaction, ids: readonly string[], messageId: string, viewerIds: readonly string[]): Promise<void> {
    await tx.query(sql`
      UPDATE banyan_media.media_objects SET message_id = ${messageId}, is_listed = true, changed_at = clock_timestamp()
      WHERE id = ANY (${ids}::uuid[]) AND message_id IS NULL`);
    await tx.query(sql`
      INSERT INTO banyan_media.media_viewers (media_id, user_id)
      SELECT media_id, user_id FROM unnest(${ids}::uuid[]) AS m(media_id) CROSS JOIN unnest(${viewerIds}::uuid[]) AS v(user_id)
      ON CONFLICT DO NOTHING`);
  }

  listOf(messageIds: readonly string[]): Promise<(AttachmentRow & { readonly message_id: string })[]> {
    return this.database.query(sql`
      SELECT id, message_id, file_name, file_type, file_size, file_url, thumbnail_url, created_at, sender_id, recipient_id
      FROM banyan_media.media_attachments WHERE message_id = ANY (${messageIds}::uuid[]) ORDER BY created_at, id`);
  }

  async isViewer(mediaId: string, userId: string): Promise<boolean> {
    const rows = await this.database.query(sql`
      SELECT FROM banyan_media.media_objects WHERE id = ${mediaId} AND uploader_id = ${userId}
      UNION ALL SELECT FROM banyan_media.media_viewers WHERE media_id = ${mediaId} AND user_id = ${userId}
      UNION ALL SELECT FROM banyan_media.media_attachments
        WHERE id = ${mediaId} AND (sender_id = ${userId} OR recipient_id = ${userId}) LIMIT 1`);
    return rows.length > 0;
  }

  async findAttachment(id: string): Promise<AttachmentRow | undefined> {
    const [row] = await this.database.query<AttachmentRow>(sql`
      SELECT id, message_id, file_name, file_type, file_size, file_url, thumbnail_url, created_at, sender_id, recipient_id
      FROM banyan_media.media_attachments WHERE id = ${id}`);
    return row;
  }

  /** It is found no more; the bytes go when `media.deleted` is heard. */
  async remove(
    tx: Transaction,
    row: { id: string; name: string; uploader_id: string | null; file_name: string; file_type: string },
    freed: number,
  ): Promise<void> {
    await tx.query(sql`DELETE FROM banyan_media.media_attachments WHERE id = ${row.id}`);
    await tx.query(sql`DELETE FROM banyan_media.media_viewers WHERE media_id = ${row.id}`);
    await tx.query(sql`
      INSERT INTO banyan_media.media_objects (id, name, state, file_name, file_type)
      VALUES (${row.id}, ${row.name}, 'removed', ${row.file_name}, ${row.file_type}) ON CONFLICT DO NOTHING`);
    await tx.query(sql`UPDATE banyan_media.media_objects SET state = 'removed', changed_at = clock_timestamp() WHERE id = ${row.id}`);
    if (row.uploader_id)
      await tx.query(sql`
        UPDATE banyan_media.media_usage SET used_bytes = greatest(0, used_bytes - ${freed}) WHERE user_id = ${row.uploader_id}`);
  }

  /** The last of it. Of what the monolith took the name stays: it may have the file still. */
  async forget(id: string): Promise<void> {
    await this.database.query(sql`
      DELETE FROM banyan_media.media_objects WHERE id = ${id} AND state = 'removed' AND uploader_id IS NOT NULL`);
    await this.database.query(sql`
      UPDATE banyan_media.media_objects SET size_bytes = NULL, thumbnail = NULL WHERE id = ${id} AND state = 'removed'`);
  }

  /** Reservations that are over, uploads that no message refers to, and ones whose row the monolith has removed. */
  listExpired(unlinkedHours: number, limit: number): Promise<Pick<ObjectRow, 'id' | 'state'>[]> {
    return this.database.query(sql`
      SELECT o.id, o.state FROM banyan_media.media_objects o
      WHERE (o.state = 'reserved' AND o.changed_at < now() - ${RESERVED_MINUTES} * interval '1 minute')
        OR (o.state = 'stored' AND o.expires AND o.message_id IS NULL AND o.changed_at < now() - ${unlinkedHours} * interval '1 hour'
          AND NOT EXISTS (SELECT FROM banyan_media.media_attachments a WHERE a.id = o.id AND a.message_id IS NOT NULL))
        OR (o.state = 'stored' AND o.is_listed AND NOT EXISTS (SELECT FROM banyan_media.media_attachments a WHERE a.id = o.id))
      LIMIT ${limit}`);
  }

  /** Removed ones whose bytes should have gone by now. */
  listLeft(limit: number): Promise<ObjectRow[]> {
    return this.database.query(sql`
      SELECT id, name, uploader_id, state, file_name, file_type, served_type, size_bytes, sha256, thumbnail, message_id, is_listed, created_at
      FROM banyan_media.media_objects WHERE state = 'removed' AND changed_at < now() - interval '1 hour' AND (uploader_id IS NOT NULL OR size_bytes IS NOT NULL)
      LIMIT ${limit}`);
  }

  async markRemoved(userId: string): Promise<void> {
    await this.database.query(sql`INSERT INTO banyan_media.removed_users (user_id) VALUES (${userId}) ON CONFLICT DO NOTHING`);
    await this.database.query(sql`DELETE FROM banyan_media.request_keys WHERE user_id = ${userId}`);
  }

  listOfUser(userId: string, limit: number): Promise<{ id: string }[]> {
    return this.database.query(sql`
      SELECT id FROM banyan_media.media_objects WHERE uploader_id = ${userId} AND state <> 'removed'
      UNION SELECT id FROM banyan_media.media_attachments WHERE sender_id = ${userId} LIMIT ${limit}`);
  }

  async forgetUser(userId: string): Promise<void> {
    await this.database.query(sql`DELETE FROM banyan_media.media_viewers WHERE user_id = ${userId}`);
    await this.database.query(sql`DELETE FROM banyan_media.media_usage WHERE user_id = ${userId}`);
  }
}
