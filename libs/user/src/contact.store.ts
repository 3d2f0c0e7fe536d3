import { Database, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import type { KeyEntry } from './keys';

export interface ContactRow {
  readonly id: string;
  readonly user_id: string;
  readonly contact_id: string;
  readonly nickname: string | null;
  readonly created_at: string;
}

export interface DetailedContactRow extends ContactRow {
  readonly email: string;
  readonly username: string;
  readonly full_name: string | null;
  readonly public_keys: readonly KeyEntry[];
}

export interface Part {
  readonly limit: number;
  readonly after: string | null | undefined;
}

/** Below every id. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

@Injectable()
export class ContactStore {
  constructor(private readonly database: Database) {}

  /** Nothing comes back if the pair is there already. */
  async insertOnce(
    tx: Transaction,
    draft: { id: string; user_id: string; contact_id: string; nickname?: string | null },
  ): Promise<ContactRow | undefined> {
    const [row] = await tx.query<ContactRow>(sql`
      INSERT INTO banyan_user.contacts (id, user_id, contact_id, nickname)
      VALUES (${draft.id}, ${draft.user_id}, ${draft.contact_id}, ${draft.nickname ?? null})
      ON CONFLICT DO NOTHING RETURNING id, user_id, contact_id, nickname, created_at`);
    return row;
  }

  async has(tx: Transaction, userId: string, contactId: string): Promise<boolean> {
    const rows = await tx.query(sql`SELECT FROM banyan_user.contacts WHERE user_id = ${userId} AND contact_id = ${contactId}`);
    return rows.length > 0;
  }

  /** Counted up to `limit`. */
  async count(tx: Transaction, userId: string, limit: number): Promise<number> {
    const [row] = await tx.query<{ n: number }>(sql`
      SELECT count(*)::int AS n FROM (SELECT FROM banyan_user.contacts WHERE user_id = ${userId} LIMIT ${limit}) AS counted`);
    return row!.n;
  }

  /** By the ids of the entries. Whoever has blocked the user is not there for him. */
  list(userId: string, { limit, after }: Part): Promise<DetailedContactRow[]> {
    return this.database.query<DetailedContactRow>(sql`
      SELECT c.id, c.user_id, c.contact_id, c.nickname, c.created_at, p.email, p.username, p.full_name, p.public_keys
      FROM banyan_user.contacts c JOIN banyan_user.user_profiles p ON p.id = c.contact_id
      WHERE c.user_id = ${userId} AND c.id > ${after ?? FIRST_ID}
        AND NOT EXISTS (SELECT FROM banyan_user.blocks b WHERE b.blocker_id = c.contact_id AND b.blocked_id = ${userId})
      ORDER BY c.id LIMIT ${limit}`);
  }

  /** Both ways, without those of whom one has blocked the other; of each way up to `limit`. */
  circle(userId: string, limit: number): Promise<{ other_id: string; is_own: boolean }[]> {
    return this.database.query<{ other_id: string; is_own: boolean }>(sql`
      SELECT other_id, is_own FROM (
        (SELECT contact_id AS other_id, true AS is_own FROM banyan_user.contacts WHERE user_id = ${userId} LIMIT ${limit})
        UNION ALL
        (SELECT user_id AS other_id, false AS is_own FROM banyan_user.contacts WHERE contact_id = ${userId} LIMIT ${limit})
      ) AS known
      WHERE NOT EXISTS (SELECT FROM banyan_user.blocks b
        WHERE (b.blocker_id = other_id AND b.blocked_id = ${userId}) OR (b.blocker_id = ${userId} AND b.blocked_id = other_id))`);
  }

  /** Everybody else, by their own ids; of whom is no contact, the id and the beginning are his own. */
  listEverybody(userId: string, { limit, after }: Part): Promise<DetailedContactRow[]> {
    return this.database.query<DetailedContactRow>(sql`
      SELECT COALESCE(c.id, p.id) AS id, ${userId}::uuid AS user_id, p.id AS contact_id, c.nickname,
             COALESCE(c.created_at, p.created_at) AS created_at, p.email, p.username, p.full_name, p.public_keys
      FROM banyan_user.user_profiles p LEFT JOIN banyan_user.contacts c ON c.user_id = ${userId} AND c.contact_id = p.id
      WHERE p.id <> ${userId} AND p.id > ${after ?? FIRST_ID}
        AND NOT EXISTS (SELECT FROM banyan_user.blocks b WHERE b.blocker_id = p.id AND b.blocked_id = ${userId})
      ORDER BY p.id LIMIT ${limit}`);
  }

  async rename(userId: string, id: string, nickname: string | null): Promise<ContactRow | undefined> {
    const [row] = await this.database.query<ContactRow>(sql`
      UPDATE banyan_user.contacts SET nickname = ${nickname} WHERE id = ${id} AND user_id = ${userId}
      RETURNING id, user_id, contact_id, nickname, created_at`);
    return row;
  }

  async remove(tx: Transaction, userId: string, id: string): Promise<boolean> {
    const rows = await tx.query(sql`DELETE FROM banyan_user.contacts WHERE id = ${id} AND user_id = ${userId} RETURNING id`);
    return rows.length > 0;
  }
}
