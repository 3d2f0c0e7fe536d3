import { Database, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';

export interface NewSession {
  readonly id: string;
  readonly user_id: string;
  readonly salt: Uint8Array;
  readonly token_hash: Uint8Array;
  readonly network: string | null;
  readonly address: string | null;
  readonly agent: string | null;
  readonly lifeSeconds: number;
}

export interface LockedSession {
  readonly user_id: string;
  readonly salt: Buffer;
  readonly token_hash: Buffer;
  readonly previous_hash: Buffer | null;
  /** Its last exchange is so recent that a repeat of it is no replay. */
  readonly in_grace: boolean;
  readonly is_over: boolean;
  readonly is_active: boolean;
}

export interface ListedSession {
  readonly id: string;
  readonly created_at: string;
  readonly last_used_at: string;
  readonly expires_at: string;
  readonly agent: string | null;
  readonly address: string | null;
}

export interface CallerRow {
  readonly role: string;
  readonly is_active: boolean;
  readonly is_live: boolean;
  readonly tokens_until: number;
}

/** Times are the database's. */
@Injectable()
export class SessionStore {
  constructor(private readonly database: Database) {}

  /**
   * Whoever changes the password, ends all sessions with it or removes the account comes before or after this transaction, not meanwhile.
   *
   * @returns how the password is kept; undefined if there is no such account, or it is not active
   */
  async holdAccount(tx: Transaction, userId: string): Promise<string | undefined> {
    await tx.query(sql`SELECT id FROM banyan_auth.users WHERE id = ${userId} FOR KEY SHARE`);
    const [row] = await tx.query<{ password_hash: string }>(sql`
      SELECT password_hash FROM banyan_auth.users WHERE id = ${userId} AND is_active`);
    return row?.password_hash;
  }

  async insert(tx: Transaction, draft: NewSession): Promise<void> {
    await tx.query(sql`
      INSERT INTO banyan_auth.sessions (id, user_id, salt, token_hash, network, address, agent, expires_at)
      VALUES (${draft.id}, ${draft.user_id}, ${draft.salt}, ${draft.token_hash}, ${draft.network}, ${draft.address}, ${draft.agent},
        clock_timestamp() + ${draft.lifeSeconds} * interval '1 second')`);
  }

  /** Those beyond the last used `keep` that are still live. @returns how many */
  async endOldest(tx: Transaction, userId: string, keep: number): Promise<number> {
    const rows = await tx.query(sql`
      UPDATE banyan_auth.sessions SET ended_at = clock_timestamp(), end_reason = 'too_many' WHERE id = ANY (ARRAY(
        SELECT id FROM banyan_auth.sessions WHERE user_id = ${userId} AND ended_at IS NULL AND expires_at > clock_timestamp()
        ORDER BY last_used_at DESC, id DESC OFFSET ${keep}))
      RETURNING id`);
    return rows.length;
  }

  /** Whoever asks at the same moment waits. Without an account there is no session. */
  async lock(tx: Transaction, sessionId: string, graceSeconds: number): Promise<LockedSession | undefined> {
    const [row] = await tx.query<Omit<LockedSession, 'is_active'>>(sql`
      SELECT user_id, salt, token_hash, previous_hash,
        coalesce(rotated_at > clock_timestamp() - ${graceSeconds} * interval '1 second', false) AS in_grace,
        ended_at IS NOT NULL OR expires_at <= clock_timestamp() AS is_over
      FROM banyan_auth.sessions WHERE id = ${sessionId} FOR UPDATE`);
    if (!row) return undefined;
    const [account] = await tx.query<{ is_active: boolean }>(sql`SELECT is_active FROM banyan_auth.users WHERE id = ${row.user_id}`);
    return account && { ...row, is_active: account.is_active };
  }

  async rotate(
    tx: Transaction,
    sessionId: string,
    { previous, next, lifeSeconds }: { previous: Uint8Array; next: Uint8Array; lifeSeconds: number },
  ): Promise<void> {
    await tx.query(sql`
      UPDATE banyan_auth.sessions
      SET token_hash = ${next}, previous_hash = ${previous}, rotated_at = clock_timestamp(), last_used_at = clock_timestamp(),
        expires_at = clock_timestamp() + ${lifeSeconds} * interval '1 second'
      WHERE id = ${sessionId}`);
  }

  /** @returns false if it is not his, or has ended before */
  async end(tx: Transaction, userId: string, sessionId: string, reason: string): Promise<boolean> {
    const rows = await tx.query(sql`
      UPDATE banyan_auth.sessions SET ended_at = clock_timestamp(), end_reason = ${reason}
      WHERE id = ${sessionId} AND user_id = ${userId} AND ended_at IS NULL RETURNING id`);
    return rows.length > 0;
  }

  async endAll(tx: Transaction, userId: string, reason: string): Promise<void> {
    await tx.query(sql`
      UPDATE banyan_auth.sessions SET ended_at = clock_timestamp(), end_reason = ${reason} WHERE user_id = ${userId} AND ended_at IS NULL`);
  }

  /** Tokens without a session that end at or before that second are good no more. */
  async cutOff(tx: Transaction, userId: string, tokensUntil: number): Promise<void> {
    await tx.query(sql`
      INSERT INTO banyan_auth.token_cutoffs AS kept (user_id, tokens_until) VALUES (${userId}, ${tokensUntil})
      ON CONFLICT (user_id) DO UPDATE SET tokens_until = greatest(kept.tokens_until, excluded.tokens_until)`);
  }

  /** Those that live, the last used first. */
  list(userId: string): Promise<ListedSession[]> {
    return this.database.query<ListedSession>(sql`
      SELECT id, created_at, last_used_at, expires_at, agent, address FROM banyan_auth.sessions
      WHERE user_id = ${userId} AND ended_at IS NULL AND expires_at > clock_timestamp() ORDER BY last_used_at DESC, id DESC`);
  }

  /** Has this user ever had it, as far as that is kept? */
  async exists(userId: string, sessionId: string): Promise<boolean> {
    const rows = await this.database.query(sql`SELECT 1 FROM banyan_auth.sessions WHERE id = ${sessionId} AND user_id = ${userId}`);
    return rows.length > 0;
  }

  /** Has he signed in from there, as far as that is kept? */
  async isKnownNetwork(userId: string, network: string): Promise<boolean> {
    const rows = await this.database.query(sql`
      SELECT 1 FROM banyan_auth.sessions WHERE user_id = ${userId} AND network = ${network} LIMIT 1`);
    return rows.length > 0;
  }

  async findCaller(userId: string, sessionId: string | null): Promise<CallerRow | undefined> {
    const [row] = await this.database.query<CallerRow>(sql`
      SELECT u.role, u.is_active, coalesce(c.tokens_until, 0) AS tokens_until,
        ${sessionId}::uuid IS NULL OR coalesce(s.ended_at IS NULL AND s.expires_at > clock_timestamp(), false) AS is_live
      FROM banyan_auth.users u
        LEFT JOIN banyan_auth.token_cutoffs c ON c.user_id = u.id
        LEFT JOIN banyan_auth.sessions s ON s.id = ${sessionId}::uuid AND s.user_id = u.id
      WHERE u.id = ${userId}`);
    return row;
  }

  /** Long after a session has ended nothing is asked about it any more. @returns how many */
  async sweep(keepDays: number): Promise<number> {
    const rows = await this.database.query(sql`
      DELETE FROM banyan_auth.sessions WHERE id = ANY (ARRAY(
        SELECT id FROM banyan_auth.sessions WHERE expires_at < clock_timestamp() - ${keepDays} * interval '1 day' ORDER BY expires_at LIMIT 1000))
      RETURNING id`);
    return rows.length;
  }
}
