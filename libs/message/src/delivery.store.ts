import { KeyReused } from '@banyan/platform/contract';
import { type Bounds, Database, type Transaction } from '@banyan/platform/database/database';
import { DatabaseUnavailable, sqlState } from '@banyan/platform/database/errors';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import { type QueuedMessage, RecipientNotFound } from './contract';
import { FOREIGN_KEY_VIOLATION, type NewMessage } from './message.store';

export interface NewDelivery extends NewMessage {
  readonly has_media: boolean;
  readonly media_refs?: readonly Record<string, unknown>[] | null;
  /** Not 0. */
  readonly ttl_days: number;
  readonly key: string;
  readonly body_hash: string;
  readonly event_id: string;
  readonly trace: string | null;
}

type Waiting = QueuedMessage & { position: number };

export interface Accepted {
  readonly message_id: string;
  readonly position: number;
  readonly created_at: string;
  readonly expires_at: string;
}

/** A message of the monolith's queue, as far as its row does not have it. */
export interface Adoptee {
  readonly message_id: string;
  readonly expires_at: string | null;
  readonly signatures?: readonly Record<string, unknown>[] | null;
  readonly media_refs?: readonly Record<string, unknown>[] | null;
  readonly event_id: string;
}

export interface Adopted {
  readonly recipient_id: string;
  readonly position: number | null;
}

@Injectable()
export class DeliveryStore {
  constructor(private readonly database: Database) {}

  /**
   * One statement for many messages, in their order. A draft whose key its sender has used before changes nothing and gets what was
   * accepted then, also when both are in one batch.
   *
   * @throws KeyReused, RecipientNotFound if the batch is of one
   */
  async accept(batch: readonly NewDelivery[], bounds?: Bounds): Promise<Accepted[]> {
    const accepted = new Map((await this.insert(batch, bounds)).map((row) => [row.message_id, row]));
    const repeated = batch.filter(({ id }) => !accepted.has(id));
    for (const draft of repeated) {
      // The others of the batch are committed by now: whatever this question meets, nobody may say any more that nothing happened.
      const found = this.findAccepted(draft, bounds).catch((error: unknown) => {
        throw error instanceof DatabaseUnavailable ? new DatabaseUnavailable('maybe', error) : error;
      });
      accepted.set(draft.id, await found);
    }
    return batch.map(({ id }) => accepted.get(id)!);
  }

  private async insert(batch: readonly NewDelivery[], bounds?: Bounds): Promise<Accepted[]> {
    const column = <K extends keyof NewDelivery>(name: K) => batch.map((draft) => draft[name]);
    const json = (values: readonly unknown[]) => values.map((value) => (value == null ? null : JSON.stringify(value)));
    const statement = sql<Accepted>`
      WITH draft AS (
        SELECT *, now() + make_interval(days => ttl_days) AS expires_at
        FROM unnest(
          ${column('id')}::uuid[], ${column('sender_id')}::uuid[], ${column('recipient_id')}::uuid[],
          ${column('encrypted_content')}::text[], ${column('encrypted_session_key')}::text[],
          ${column('sender_encrypted_content').map((text) => text ?? null)}::text[],
          ${column('crypto_version')}::text[], ${column('encryption_algorithm')}::text[], ${column('kdf_algorithm')}::text[],
          ${json(column('signatures'))}::json[], ${column('has_media')}::boolean[], ${json(column('media_refs'))}::json[],
          ${column('ttl_days')}::int[], ${column('key')}::text[], ${column('body_hash')}::text[],
          ${column('event_id')}::uuid[], ${column('trace')}::text[]
        ) WITH ORDINALITY AS d(id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content,
          crypto_version, encryption_algorithm, kdf_algorithm, signatures, has_media, media_refs,
          ttl_days, key, body_hash, event_id, trace, n)
      ), keyed AS (
        -- Sorted, so that two batches with the same keys wait for each other instead of dying together.
        INSERT INTO banyan_message.request_keys (user_id, key, operation, body_hash, answer, expires_at)
        SELECT sender_id, key, 'message.accept', body_hash, json_build_object('message_id', id),
          greatest(expires_at, now() + interval '1 day')
        FROM draft
        WHERE NOT EXISTS (SELECT 1 FROM banyan_message.removed_users WHERE user_id IN (sender_id, recipient_id))
        ORDER BY sender_id, key, n
        ON CONFLICT DO NOTHING RETURNING (answer ->> 'message_id')::uuid AS id
      ), stored AS (
        INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key,
          sender_encrypted_content, crypto_version, encryption_algorithm, kdf_algorithm, signatures, has_media, created_at)
        SELECT id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content,
          crypto_version, encryption_algorithm, kdf_algorithm, coalesce(signatures, '[]'), has_media, now()
        FROM draft JOIN keyed USING (id) ORDER BY n
        ON CONFLICT DO NOTHING RETURNING id
      ), queued AS (
        INSERT INTO banyan_message.deliveries (message_id, sender_id, recipient_id, signatures, media_refs, created_at, expires_at)
        SELECT id, sender_id, recipient_id, signatures, media_refs, now(), expires_at
        FROM draft JOIN stored USING (id) ORDER BY n
        RETURNING message_id, position, sender_id, recipient_id, created_at, expires_at
      ), announced AS (
        INSERT INTO banyan_message.outbox (id, name, key, payload, trace)
        SELECT event_id, 'message.sent', draft.recipient_id, json_build_object('message_id', message_id, 'sender_id', draft.sender_id,
          'recipient_id', draft.recipient_id, 'position', position, 'names_files', draft.media_refs IS NOT NULL), trace
        FROM draft JOIN queued ON message_id = id ORDER BY n
      )
      SELECT message_id, position, created_at, expires_at FROM queued`;
    try {
      return await this.database.query(statement, bounds);
    } catch (error) {
      if (batch.length === 1 && sqlState(error) === FOREIGN_KEY_VIOLATION) throw RecipientNotFound();
      throw error;
    }
  }

  /** @returns its place */
  async enqueue(
    tx: Transaction,
    { id, sender_id, recipient_id, media_refs }: Pick<NewDelivery, 'id' | 'sender_id' | 'recipient_id' | 'media_refs'>,
    ttlDays: number,
  ): Promise<number> {
    const [row] = await tx.query<{ position: number }>(sql`
      INSERT INTO banyan_message.deliveries (message_id, sender_id, recipient_id, media_refs, created_at, expires_at)
      VALUES (${id}, ${sender_id}, ${recipient_id}, ${media_refs ? JSON.stringify(media_refs) : null}::json, now(), now() + make_interval(days => ${ttlDays}::int))
      RETURNING position`);
    return row!.position;
  }

  async findQueued(messageId: string): Promise<QueuedMessage | undefined> {
    const [row] = await this.database.query<QueuedMessage>(sql`
      SELECT m.id, m.sender_id, m.recipient_id, m.encrypted_content, m.encrypted_session_key, m.crypto_version, m.encryption_algorithm,
        m.kdf_algorithm, d.signatures, m.has_media, d.media_refs, m.created_at, d.attempts AS delivery_attempts
      FROM banyan_message.deliveries d JOIN banyan_message.messages m ON m.id = d.message_id
      WHERE d.message_id = ${messageId} AND d.acknowledged_at IS NULL AND d.expires_at > now()`);
    return row;
  }

  /** What was accepted under the key of this draft. Its delivery is gone once it has expired; the answer stays the same but for its place. */
  private async findAccepted({ sender_id, key, body_hash }: NewDelivery, bounds?: Bounds): Promise<Accepted> {
    const [kept] = await this.database.query<Accepted & { operation: string; body_hash: string }>(
      sql`
      SELECT k.operation, k.body_hash, k.answer ->> 'message_id' AS message_id, coalesce(d.position, 0) AS position,
        coalesce(d.created_at, k.created_at) AS created_at, coalesce(d.expires_at, k.expires_at) AS expires_at
      FROM banyan_message.request_keys k LEFT JOIN banyan_message.deliveries d ON d.message_id = (k.answer ->> 'message_id')::uuid
      WHERE k.user_id = ${sender_id} AND k.key = ${key}`,
      bounds,
    );
    if (!kept) throw RecipientNotFound(); // its key was free: one of the two is removed
    const { operation, body_hash: keptHash, ...accepted } = kept;
    if (operation !== 'message.accept' || keptHash !== body_hash) throw KeyReused();
    return accepted;
  }

  /**
   * The oldest messages that wait for the user, in order, until there are `limit` of them or they fill `bytes`; at least one. Each is
   * counted as delivered once more. `complete` if no other waits.
   */
  async deliver(userId: string, { limit, bytes }: { limit: number; bytes: number }): Promise<{ messages: Waiting[]; complete: boolean }> {
    const rows = await this.database.query<Waiting & { complete: boolean }>(sql`
      WITH waiting AS (
        -- Locked in their order: devices that ask at the same moment would otherwise wait for each other in a circle.
        SELECT message_id, position, signatures, media_refs FROM banyan_message.deliveries
        WHERE recipient_id = ${userId} AND acknowledged_at IS NULL AND expires_at > now() ORDER BY position LIMIT ${limit + 1}
        FOR NO KEY UPDATE
      ), sized AS (
        -- Not a join: planned without knowing the user, that would read all messages.
        SELECT message_id, row_number() OVER earlier AS n,
          sum(coalesce(octet_length(signatures::text), 0) + coalesce(octet_length(media_refs::text), 0) + coalesce(
            (SELECT octet_length(encrypted_content) + octet_length(encrypted_session_key) FROM banyan_message.messages WHERE id = message_id),
            0)) OVER earlier AS bytes
        FROM waiting WINDOW earlier AS (ORDER BY position)
      ), taken AS (
        UPDATE banyan_message.deliveries SET attempts = attempts + 1
        WHERE message_id = ANY (ARRAY(SELECT message_id FROM sized WHERE n = 1 OR (n <= ${limit} AND bytes <= ${bytes})))
        RETURNING message_id, position, signatures, media_refs, attempts
      )
      SELECT m.id, m.sender_id, m.recipient_id, m.encrypted_content, m.encrypted_session_key, m.crypto_version, m.encryption_algorithm,
        m.kdf_algorithm, t.signatures, m.has_media, t.media_refs, m.created_at, t.attempts AS delivery_attempts, t.position,
        (SELECT count(*) FROM waiting) = (SELECT count(*) FROM taken) AS complete
      FROM taken t JOIN banyan_message.messages m ON m.id = t.message_id ORDER BY t.position`);
    return { messages: rows.map(({ complete: _, ...message }) => message), complete: rows[0]?.complete ?? true };
  }

  /** With its event, in one statement. @returns undefined if it is not stored; no place if it was here already, waiting or acknowledged */
  async adopt({ message_id, expires_at, signatures, media_refs, event_id }: Adoptee): Promise<Adopted | undefined> {
    const json = (value: unknown) => (value == null ? null : JSON.stringify(value));
    const [row] = await this.database.query<Adopted>(sql`
      WITH stored AS (
        SELECT id, sender_id, recipient_id, created_at FROM banyan_message.messages WHERE id = ${message_id}
      ), queued AS (
        INSERT INTO banyan_message.deliveries
          (message_id, sender_id, recipient_id, signatures, media_refs, created_at, expires_at, adopted)
        SELECT id, sender_id, recipient_id, ${json(signatures)}::json, ${json(media_refs)}::json, coalesce(created_at, now()),
          coalesce(${expires_at}::timestamptz, now() + interval '7 days'), true
        FROM stored ON CONFLICT DO NOTHING RETURNING message_id, position, sender_id, recipient_id
      ), announced AS (
        INSERT INTO banyan_message.outbox (id, name, key, payload)
        SELECT ${event_id}::uuid, 'message.sent', recipient_id, json_build_object('message_id', message_id, 'sender_id', sender_id,
          'recipient_id', recipient_id, 'position', position)
        FROM queued
      )
      SELECT recipient_id, (SELECT position FROM queued) AS position FROM stored`);
    return row;
  }

  /** With its event, in one statement. @returns undefined if it did not wait for this user, unless it was this very request that took it */
  async acknowledge(userId: string, messageId: string, key: string, eventId: string): Promise<{ adopted: boolean } | undefined> {
    const [taken] = await this.database.query<{ adopted: boolean }>(sql`
      WITH acknowledged AS (
        UPDATE banyan_message.deliveries SET acknowledged_at = now(), acknowledged_by = ${key}
        WHERE message_id = ${messageId} AND recipient_id = ${userId} AND acknowledged_at IS NULL AND expires_at > now()
        RETURNING message_id, sender_id, recipient_id, adopted
      ), announced AS (
        INSERT INTO banyan_message.outbox (id, name, key, payload)
        SELECT ${eventId}::uuid, 'message.delivered', recipient_id,
          json_build_object('message_id', message_id, 'sender_id', sender_id, 'recipient_id', recipient_id)
        FROM acknowledged
      )
      SELECT adopted FROM acknowledged`);
    return taken ?? this.acknowledgedBy(key, userId, messageId);
  }

  /**
   * A message leaves this queue, or never comes into it: kept for a month, until when whoever had it is sure to have heard of it. Of one
   * that is stored the sender is known.
   */
  async acknowledgeAdopted(userId: string, messageId: string, senderId: string | null, key: string, eventId: string): Promise<boolean> {
    const rows = await this.database.query(sql`
      WITH adoptee AS (
        SELECT coalesce(${senderId}::uuid, (
          SELECT sender_id FROM banyan_message.messages WHERE id = ${messageId} AND recipient_id = ${userId})) AS sender_id
      ), acknowledged AS (
        INSERT INTO banyan_message.deliveries AS d
          (message_id, sender_id, recipient_id, created_at, expires_at, acknowledged_at, acknowledged_by, adopted)
        SELECT ${messageId}, sender_id, ${userId}, now(), now() + interval '30 days', now(), ${key}, true
        FROM adoptee WHERE sender_id IS NOT NULL
        ON CONFLICT (message_id) DO UPDATE SET acknowledged_at = now(), acknowledged_by = excluded.acknowledged_by
        WHERE d.recipient_id = excluded.recipient_id AND d.acknowledged_at IS NULL
        RETURNING message_id, sender_id, recipient_id
      ), announced AS (
        INSERT INTO banyan_message.outbox (id, name, key, payload)
        SELECT ${eventId}::uuid, 'message.delivered', recipient_id,
          json_build_object('message_id', message_id, 'sender_id', sender_id, 'recipient_id', recipient_id)
        FROM acknowledged
      )
      SELECT message_id FROM acknowledged`);
    return rows.length > 0 || (await this.acknowledgedBy(key, userId, messageId)) !== undefined;
  }

  /** Of these, those that the user has acknowledged here and those that were deleted for both sides. */
  async listSettled(userId: string, messageIds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(sql`
      SELECT message_id AS id FROM banyan_message.deliveries
      WHERE message_id = ANY (${messageIds}::uuid[]) AND recipient_id = ${userId} AND acknowledged_at IS NOT NULL
      UNION
      SELECT id FROM banyan_message.messages WHERE id = ANY (${messageIds}::uuid[]) AND is_deleted`);
    return rows.map(({ id }) => id);
  }

  /** In a statement of its own: the first attempt of a repeated request may commit while the second waits for its row. */
  private async acknowledgedBy(key: string, userId: string, messageId: string): Promise<{ adopted: boolean } | undefined> {
    const [row] = await this.database.query<{ adopted: boolean }>(sql`
      SELECT adopted FROM banyan_message.deliveries
      WHERE message_id = ${messageId} AND recipient_id = ${userId} AND acknowledged_by = ${key}`);
    return row;
  }

  /** What the sender said about the files of a message. */
  async mediaRefs(messageId: string): Promise<readonly Record<string, unknown>[] | null> {
    const [row] = await this.database.query<{ media_refs: Record<string, unknown>[] | null }>(sql`
      SELECT media_refs FROM banyan_message.deliveries WHERE message_id = ${messageId}`);
    return row?.media_refs ?? null;
  }

  async count(): Promise<{ total: number; deliverable: number; expired: number; recipients: number }> {
    const [row] = await this.database.query<{ total: number; deliverable: number; expired: number; recipients: number }>(sql`
      SELECT count(*) AS total, count(*) FILTER (WHERE expires_at > now()) AS deliverable,
        count(*) FILTER (WHERE expires_at <= now()) AS expired,
        count(DISTINCT recipient_id) FILTER (WHERE expires_at > now()) AS recipients
      FROM banyan_message.deliveries WHERE acknowledged_at IS NULL`);
    return row!;
  }

  /** @returns how many messages nobody fetched in time; deliveries that were acknowledged go silently once they would have expired */
  async dropExpired(): Promise<number> {
    for (let dropped = 0; ;) {
      const rows = await this.database.query<{ acknowledged: boolean }>(sql`
        DELETE FROM banyan_message.deliveries WHERE message_id IN (
          SELECT message_id FROM banyan_message.deliveries WHERE expires_at <= now() LIMIT 1000 FOR UPDATE SKIP LOCKED)
        RETURNING acknowledged_at IS NOT NULL AS acknowledged`);
      dropped += rows.filter(({ acknowledged }) => !acknowledged).length;
      if (rows.length < 1_000) return dropped;
    }
  }
}
