import { Database, type Queryable, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import type { LinkPurpose } from './contract';

export interface LinkDraft {
  readonly purpose: LinkPurpose;
  readonly request_id: string;
  readonly user_id: string;
  readonly salt: Uint8Array;
  readonly token_hash: Uint8Array;
  readonly lifeSeconds: number;
}

export interface LinkRow {
  readonly user_id: string;
  readonly salt: Buffer;
  readonly expires_at: string;
  /** Not used, not expired, and no newer one was asked for. */
  readonly is_good: boolean;
  readonly used_at: string | null;
}

/** Links that were mailed, or will be. Times are the database's. */
@Injectable()
export class LinkStore {
  constructor(private readonly database: Database) {}

  async insertOnce(tx: Queryable, draft: LinkDraft): Promise<void> {
    await tx.query(sql`
      INSERT INTO banyan_auth.links (purpose, request_id, user_id, salt, token_hash, expires_at)
      VALUES (${draft.purpose}, ${draft.request_id}, ${draft.user_id}, ${draft.salt}, ${draft.token_hash},
        clock_timestamp() + ${draft.lifeSeconds} * interval '1 second')
      ON CONFLICT DO NOTHING`);
  }

  async find(purpose: LinkPurpose, requestId: string, userId: string): Promise<LinkRow | undefined> {
    const [row] = await this.database.query<LinkRow>(sql`
      SELECT user_id, salt, expires_at, used_at, used_at IS NULL AND expires_at > clock_timestamp() AND NOT EXISTS (
          SELECT 1 FROM banyan_auth.links newer
          WHERE newer.user_id = l.user_id AND newer.purpose = l.purpose AND newer.created_at > l.created_at) AS is_good
      FROM banyan_auth.links l WHERE purpose = ${purpose} AND request_id = ${requestId} AND user_id = ${userId}`);
    return row;
  }

  /** Locked, so that two who use it at once follow each other. */
  async lockByHash(tx: Transaction, purpose: LinkPurpose, tokenHash: Uint8Array): Promise<LinkRow | undefined> {
    const [row] = await tx.query<LinkRow>(sql`
      SELECT user_id, salt, expires_at, used_at, used_at IS NULL AND expires_at > clock_timestamp() AND NOT EXISTS (
          SELECT 1 FROM banyan_auth.links newer
          WHERE newer.user_id = l.user_id AND newer.purpose = l.purpose AND newer.created_at > l.created_at) AS is_good
      FROM banyan_auth.links l WHERE purpose = ${purpose} AND token_hash = ${tokenHash} FOR UPDATE`);
    return row;
  }

  async findOwner(purpose: LinkPurpose, tokenHash: Uint8Array): Promise<string | undefined> {
    const [row] = await this.database.query<{ user_id: string }>(sql`
      SELECT user_id FROM banyan_auth.links WHERE purpose = ${purpose} AND token_hash = ${tokenHash}`);
    return row?.user_id;
  }

  /** How many were asked for in the last hour. Whoever counts for the same user waits: of a crowd each sees those before him. */
  async countRecent(tx: Transaction, userId: string, purpose: LinkPurpose): Promise<number> {
    await tx.query(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`links of ${userId}`}, 0))`);
    const [row] = await tx.query<{ count: number }>(sql`
      SELECT count(*)::int AS count FROM banyan_auth.links
      WHERE user_id = ${userId} AND purpose = ${purpose} AND created_at > clock_timestamp() - interval '1 hour'`);
    return row!.count;
  }

  async use(tx: Transaction, tokenHash: Uint8Array): Promise<void> {
    await tx.query(sql`UPDATE banyan_auth.links SET used_at = clock_timestamp() WHERE token_hash = ${tokenHash}`);
  }

  /** A password was set otherwise: links that would set another one are good no more. */
  async useAll(tx: Transaction, userId: string, purpose: LinkPurpose): Promise<void> {
    await tx.query(sql`
      UPDATE banyan_auth.links SET used_at = clock_timestamp() WHERE user_id = ${userId} AND purpose = ${purpose} AND used_at IS NULL`);
  }

  async sweep(keepDays: number): Promise<void> {
    await this.database.query(sql`DELETE FROM banyan_auth.links WHERE expires_at < clock_timestamp() - ${keepDays} * interval '1 day'`);
  }
}
