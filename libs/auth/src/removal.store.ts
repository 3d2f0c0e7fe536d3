import { Database, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import type { Account } from './auth.store';
import { NO_PASSWORD } from './passwords';

export interface Removal {
  readonly user_id: string;
  readonly key: string;
  readonly requested_by: string;
  /** Undefined of one that is finished. */
  readonly email: string | null;
  readonly purged: readonly string[];
  readonly finished_at: string | null;
}

/** Accounts on their way out. Times are the database's. */
@Injectable()
export class RemovalStore {
  constructor(private readonly database: Database) {}

  async find(userId: string): Promise<Removal | undefined> {
    const [row] = await this.database.query<Removal>(sql`
      SELECT user_id, key, requested_by, email, purged, finished_at FROM banyan_auth.removals WHERE user_id = ${userId}`);
    return row;
  }

  /** Those that nobody has worked on for a while. */
  due(limit: number): Promise<Removal[]> {
    return this.database.query<Removal>(sql`
      SELECT user_id, key, requested_by, email, purged, finished_at FROM banyan_auth.removals
      WHERE finished_at IS NULL AND next_at <= clock_timestamp() ORDER BY next_at LIMIT ${limit}`);
  }

  /** Locks the account and every admin's, in one order: two who remove each other follow each other. @returns the active admins beside him */
  async lock(tx: Transaction, userId: string): Promise<{ account: Account | undefined; otherAdmins: number }> {
    const rows = await tx.query<Account>(sql`
      SELECT id, email, username, password_hash, role, is_active, is_verified, created_at FROM banyan_auth.users
      WHERE id = ${userId} OR role = 'admin' ORDER BY id FOR UPDATE`);
    const otherAdmins = rows.filter(({ id, role, is_active }) => id !== userId && role === 'admin' && is_active).length;
    return { account: rows.find(({ id }) => id === userId), otherAdmins };
  }

  /** Nobody gets in by this account any more, here or at the monolith, and it is written down that it shall go. */
  async begin(tx: Transaction, { id, email, username }: Account, by: string, key: string, headStartMs: number): Promise<void> {
    await tx.query(sql`
      INSERT INTO banyan_auth.removals (user_id, key, requested_by, email, next_at)
      VALUES (${id}, ${key}, ${by}, ${email}, clock_timestamp() + ${headStartMs} * interval '1 millisecond') ON CONFLICT DO NOTHING`);
    await tx.query(sql`
      UPDATE banyan_auth.users SET is_active = false, password_hash = ${NO_PASSWORD}, updated_at = clock_timestamp() WHERE id = ${id}`);
    // An address can be removed more than once; the table has it once.
    await tx.query(sql`DELETE FROM banyan_auth.deleted_users WHERE email = ${email} OR id = ${id}`);
    await tx.query(sql`
      INSERT INTO banyan_auth.deleted_users (id, email, username, deleted_at, deleted_by_admin_id)
      VALUES (${id}, ${email}, ${username}, clock_timestamp(), ${by === id ? null : by}) ON CONFLICT DO NOTHING`);
  }

  async notePurged(userId: string, domain: string): Promise<void> {
    await this.database.query(sql`
      UPDATE banyan_auth.removals SET purged = array_append(purged, ${domain}::text)
      WHERE user_id = ${userId} AND finished_at IS NULL AND NOT purged @> ARRAY[${domain}::text]`);
  }

  /** The next try, later each time: after 2, 4, 8 … seconds, at most five minutes. */
  async postpone(userId: string): Promise<void> {
    await this.database.query(sql`
      UPDATE banyan_auth.removals SET attempts = attempts + 1,
        next_at = clock_timestamp() + least(300, 2 * 2 ^ least(attempts, 10)) * interval '1 second'
      WHERE user_id = ${userId} AND finished_at IS NULL`);
  }

  /** The row last. What is left names nobody. @returns false if somebody else was faster */
  async finish(tx: Transaction, userId: string): Promise<boolean> {
    const [open] = await tx.query(
      sql`SELECT user_id FROM banyan_auth.removals WHERE user_id = ${userId} AND finished_at IS NULL FOR UPDATE`,
    );
    if (!open) return false;
    await tx.query(sql`SELECT id FROM banyan_auth.users WHERE id = ${userId} FOR UPDATE`);
    await tx.query(sql`DELETE FROM banyan_auth.users WHERE id = ${userId}`);
    await tx.query(sql`DELETE FROM banyan_auth.sessions WHERE user_id = ${userId}`);
    await tx.query(sql`DELETE FROM banyan_auth.token_cutoffs WHERE user_id = ${userId}`);
    await tx.query(sql`DELETE FROM banyan_auth.links WHERE user_id = ${userId}`);
    await tx.query(sql`DELETE FROM banyan_auth.request_keys WHERE answer ->> 'id' = ${userId}`); // of his registration, less than a day old
    await tx.query(sql`UPDATE banyan_auth.removals SET finished_at = clock_timestamp(), email = NULL WHERE user_id = ${userId}`);
    return true;
  }

  async deletedEmail(userId: string): Promise<string | undefined> {
    const [row] = await this.database.query<{ email: string }>(sql`SELECT email FROM banyan_auth.deleted_users WHERE id = ${userId}`);
    return row?.email;
  }

  async sweep(keepDays: number): Promise<void> {
    await this.database.query(sql`
      DELETE FROM banyan_auth.removals WHERE finished_at < clock_timestamp() - ${keepDays} * interval '1 day'`);
  }
}
