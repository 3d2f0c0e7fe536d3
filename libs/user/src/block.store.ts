import { Database, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import type { Part } from './contact.store';

export interface BlockRow {
  readonly user_id: string;
  readonly username: string;
  readonly full_name: string | null;
  readonly created_at: string;
}

const FIRST_ID = '00000000-0000-0000-0000-000000000000';

@Injectable()
export class BlockStore {
  constructor(private readonly database: Database) {}

  async has(tx: Transaction, blockerId: string, blockedId: string): Promise<boolean> {
    const rows = await tx.query(sql`SELECT FROM banyan_user.blocks WHERE blocker_id = ${blockerId} AND blocked_id = ${blockedId}`);
    return rows.length > 0;
  }

  /** Counted up to `limit`. */
  async count(tx: Transaction, blockerId: string, limit: number): Promise<number> {
    const [row] = await tx.query<{ n: number }>(sql`
      SELECT count(*)::int AS n FROM (SELECT FROM banyan_user.blocks WHERE blocker_id = ${blockerId} LIMIT ${limit}) AS counted`);
    return row!.n;
  }

  async insertOnce(tx: Transaction, blockerId: string, blockedId: string): Promise<void> {
    await tx.query(sql`
      INSERT INTO banyan_user.blocks (blocker_id, blocked_id) VALUES (${blockerId}, ${blockedId}) ON CONFLICT DO NOTHING`);
  }

  async remove(blockerId: string, blockedId: string): Promise<void> {
    await this.database.query(sql`DELETE FROM banyan_user.blocks WHERE blocker_id = ${blockerId} AND blocked_id = ${blockedId}`);
  }

  /** By their ids; without those who have blocked him as well. */
  list(blockerId: string, { limit, after }: Part): Promise<BlockRow[]> {
    return this.database.query<BlockRow>(sql`
      SELECT b.blocked_id AS user_id, p.username, p.full_name, b.created_at
      FROM banyan_user.blocks b JOIN banyan_user.user_profiles p ON p.id = b.blocked_id
      WHERE b.blocker_id = ${blockerId} AND b.blocked_id > ${after ?? FIRST_ID}
        AND NOT EXISTS (SELECT FROM banyan_user.blocks o WHERE o.blocker_id = b.blocked_id AND o.blocked_id = ${blockerId})
      ORDER BY b.blocked_id LIMIT ${limit}`);
  }
}
