import { Database, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import type { Kind, Mail, MailState, Notification } from './contract';

/** Ids and instants that say what a mail is about. What it contains is asked for when it is sent, and kept nowhere. */
export type MailData = Readonly<Record<string, string>>;

export interface MailDraft {
  readonly id: string;
  readonly kind: Kind;
  readonly is_test?: boolean;
  /** Whom it is for; null if nobody has an account with that address. */
  readonly user_id: string | null;
  /** Who made it happen, if somebody else; when he is removed, it goes too. */
  readonly caused_by?: string;
  readonly data: MailData;
  readonly repeats_left: number;
}

/** A mail whose time has come. */
export interface DueMail extends Required<Omit<MailDraft, 'caused_by'>> {
  readonly attempts: number;
  readonly created_at: string;
  readonly age_ms: number;
}

/** The right to send: whoever holds the lease of this epoch. */
export interface Holder {
  readonly job: string;
  readonly epoch: number;
}

@Injectable()
export class MailStore {
  constructor(private readonly database: Database) {}

  async insert(tx: Transaction, { id, kind, is_test = false, user_id, caused_by, data, repeats_left }: MailDraft): Promise<void> {
    await tx.query(sql`
      INSERT INTO banyan_notification.mails (id, kind, is_test, user_id, caused_by, data, repeats_left)
      VALUES (${id}, ${kind}, ${is_test}, ${user_id}, ${caused_by ?? null}, ${JSON.stringify(data)}, ${repeats_left})`);
  }

  /** The newest first. */
  listOf(userId: string, limit: number, before: string | null): Promise<Notification[]> {
    return this.database.query<Notification>(sql`
      SELECT id, kind, state, created_at, sent_at, read_at FROM banyan_notification.mails
      WHERE user_id = ${userId} AND NOT is_test AND (${before}::uuid IS NULL OR id < ${before}::uuid) ORDER BY id DESC LIMIT ${limit}`);
  }

  async markRead(userId: string, id: string): Promise<Notification | undefined> {
    const [row] = await this.database.query<Notification>(sql`
      UPDATE banyan_notification.mails SET read_at = coalesce(read_at, clock_timestamp())
      WHERE id = ${id} AND user_id = ${userId} AND NOT is_test RETURNING id, kind, state, created_at, sent_at, read_at`);
    return row;
  }

  listAll(state: MailState | null, limit: number, before: string | null): Promise<Mail[]> {
    return this.database.query<Mail>(sql`
      SELECT id, kind, state, created_at, sent_at, user_id, address, attempts,
             CASE WHEN state = 'queued' THEN next_at END AS next_attempt_at, reason
      FROM banyan_notification.mails
      WHERE (${state}::text IS NULL OR state = ${state}) AND (${before}::uuid IS NULL OR id < ${before}::uuid) ORDER BY id DESC LIMIT ${limit}`);
  }

  /** To this address, in any case. */
  async newestTo(address: string): Promise<Mail | undefined> {
    const [row] = await this.database.query<Mail>(sql`
      SELECT id, kind, state, created_at, sent_at, user_id, address, attempts,
             CASE WHEN state = 'queued' THEN next_at END AS next_attempt_at, reason
      FROM banyan_notification.mails WHERE lower(address) = lower(${address}) ORDER BY id DESC LIMIT 1`);
    return row;
  }

  /** Of the ones that wait: how many, counted up to 100,000, and how long the first one has. */
  async waiting(): Promise<{ count: number; oldest_ms: number }> {
    const [row] = await this.database.query<{ count: number; oldest_ms: number }>(sql`
      SELECT count(*)::int AS count, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)) * 1000, 0)::float8 AS oldest_ms
      FROM (SELECT created_at FROM banyan_notification.mails WHERE state = 'queued' LIMIT 100000) AS waiting`);
    return row!;
  }

  /** Without those that are being sent. */
  due(limit: number, without: readonly string[]): Promise<DueMail[]> {
    return this.database.query<DueMail>(sql`
      SELECT id, kind, is_test, user_id, data, repeats_left, attempts, created_at,
             (extract(epoch FROM clock_timestamp() - created_at) * 1000)::float8 AS age_ms
      FROM banyan_notification.mails WHERE state = 'queued' AND next_at <= clock_timestamp() AND id <> ALL (${without}::uuid[])
      ORDER BY next_at LIMIT ${limit}`);
  }

  /**
   * From here on the mail server may get the mail. Committed before the first byte of its content leaves, so that whoever finds the row
   * after a crash knows it.
   *
   * @returns false if the lease is somebody else's by now, or the row gone: then nothing may be sent
   */
  async begin(id: string, { job, epoch }: Holder, { address, version }: { address: string; version: number }): Promise<boolean> {
    const rows = await this.database.query(sql`
      WITH holder AS (SELECT FROM banyan_notification.leases WHERE job = ${job} AND epoch = ${epoch} FOR SHARE)
      UPDATE banyan_notification.mails SET state = 'sending', epoch = ${epoch}, address = ${address}, template_version = ${version}
      WHERE id = ${id} AND state = 'queued' AND EXISTS (SELECT FROM holder) RETURNING id`);
    return rows.length > 0;
  }

  /** The end of an attempt, and of the mail. A success counts even if somebody has taken the row for lost meanwhile. */
  async end(id: string, epoch: number, state: MailState, reason: string | null, address: string | null): Promise<void> {
    await this.database.query(sql`
      UPDATE banyan_notification.mails
      SET state = ${state}, reason = ${reason}, attempts = attempts + 1, address = coalesce(${address}, address),
          sent_at = CASE WHEN ${state} = 'sent' THEN clock_timestamp() END
      WHERE id = ${id} AND (state = 'queued' OR epoch = ${epoch} AND state IN ('sending', 'unsure'))`);
  }

  /** Another attempt after `delayMs`. @param isRepeat the mail server may have it already */
  async retry(id: string, epoch: number, reason: string, delayMs: number, isRepeat: boolean): Promise<void> {
    await this.database.query(sql`
      UPDATE banyan_notification.mails
      SET state = 'queued', reason = ${reason}, attempts = attempts + 1, repeats_left = repeats_left - ${isRepeat ? 1 : 0},
          next_at = clock_timestamp() + ${delayMs} * interval '1 millisecond'
      WHERE id = ${id} AND (state = 'queued' OR epoch = ${epoch} AND state = 'sending')`);
  }

  /**
   * What an earlier holder had begun and not finished, without what this process is sending itself: the mail server may have it. Those that may be repeated wait for that, the others
   * are over. @returns how many
   */
  async recover({ job, epoch }: Holder, without: readonly string[]): Promise<number> {
    const rows = await this.database.query(sql`
      WITH holder AS (SELECT FROM banyan_notification.leases WHERE job = ${job} AND epoch = ${epoch} FOR SHARE)
      UPDATE banyan_notification.mails
      SET state = CASE WHEN repeats_left > 0 THEN 'queued' ELSE 'unsure' END, repeats_left = greatest(0, repeats_left - 1),
          attempts = attempts + 1, next_at = clock_timestamp(),
          reason = 'the sending process ended before the mail server had answered'
      WHERE state = 'sending' AND epoch <> ${epoch} AND id <> ALL (${without}::uuid[]) AND EXISTS (SELECT FROM holder) RETURNING id`);
    return rows.length;
  }

  async forget(tx: Transaction, userId: string): Promise<void> {
    await tx.query(sql`DELETE FROM banyan_notification.mails WHERE user_id = ${userId} OR caused_by = ${userId}`);
  }

  /** A thousand at a time. @returns how many */
  async sweep(keepDays: number): Promise<number> {
    for (let swept = 0; ;) {
      const rows = await this.database.query(sql`
        DELETE FROM banyan_notification.mails WHERE id IN (
          SELECT id FROM banyan_notification.mails
          WHERE created_at < clock_timestamp() - ${keepDays} * interval '1 day' AND state NOT IN ('queued', 'sending')
          ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
        RETURNING id`);
      swept += rows.length;
      if (rows.length < 1_000) return swept;
    }
  }
}
