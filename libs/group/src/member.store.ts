import { Database, type Queryable, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import type { Role } from './contract';

export interface MemberRow {
  readonly user_id: string;
  readonly role: Role;
  readonly joined_at: string;
}

export interface BanRow {
  readonly user_id: string;
  readonly banned_by: string | null;
  readonly banned_at: string;
}

/** Below every id. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Who is in which group, once. The owner is, whether or not he has a row: legacy lets him take it away. */
@Injectable()
export class MemberStore {
  constructor(private readonly database: Database) {}

  /** By user. */
  list(
    groupId: string,
    { limit, after }: { limit: number; after?: string | null },
    database: Queryable = this.database,
  ): Promise<MemberRow[]> {
    return database.query<MemberRow>(sql`
      SELECT user_id, role, joined_at FROM (
        SELECT m.user_id, CASE WHEN m.user_id = g.admin_id THEN 'owner' WHEN m.role = 'admin' THEN 'admin' ELSE 'member' END AS role, m.joined_at
        FROM banyan_group.groups g JOIN banyan_group.group_members m ON m.group_id = g.id WHERE g.id = ${groupId}
        UNION ALL
        SELECT g.admin_id, 'owner', g.created_at FROM banyan_group.groups g
        WHERE g.id = ${groupId}
          AND NOT EXISTS (SELECT FROM banyan_group.group_members o WHERE o.group_id = g.id AND o.user_id = g.admin_id)) AS everybody
      WHERE user_id > ${after ?? FIRST_ID} ORDER BY user_id LIMIT ${limit}`);
  }

  /** Everybody once, in no order: one row of the answer, which ten thousand members make long and nothing else. */
  async listIds(groupId: string): Promise<string[]> {
    const [found] = await this.database.query<{ admin_id: string; others: string[] }>(sql`
      SELECT g.admin_id, (
        SELECT COALESCE(json_agg(m.user_id), '[]') FROM banyan_group.group_members m
        WHERE m.group_id = ${groupId} AND m.user_id <> g.admin_id) AS others
      FROM banyan_group.groups g WHERE g.id = ${groupId}`);
    return found ? [found.admin_id, ...found.others] : [];
  }

  async isFull(tx: Transaction, groupId: string, limit: number): Promise<boolean> {
    const rows = await tx.query(sql`SELECT FROM banyan_group.group_members WHERE group_id = ${groupId} OFFSET ${limit - 1} LIMIT 1`);
    return rows.length > 0;
  }

  /** Nothing comes back if he is there already. */
  async insertOnce(
    tx: Transaction,
    draft: { id: string; group_id: string; user_id: string; role: 'admin' | 'member'; added_by: string },
  ): Promise<{ id: string } | undefined> {
    const [row] = await tx.query<{ id: string }>(sql`
      INSERT INTO banyan_group.group_members (id, group_id, user_id, role, added_by)
      VALUES (${draft.id}, ${draft.group_id}, ${draft.user_id}, ${draft.role}, ${draft.added_by})
      ON CONFLICT DO NOTHING RETURNING id`);
    return row;
  }

  /**
   * Keeps him in the group until the transaction ends. Our own code cannot remove him beside a message (`GroupStore.share`); legacy's does not
   * know our locks, but it waits for this one.
   */
  async hold(tx: Transaction, groupId: string, userId: string): Promise<void> {
    await tx.query(sql`SELECT id FROM banyan_group.group_members WHERE group_id = ${groupId} AND user_id = ${userId} FOR KEY SHARE`);
  }

  async setRole(tx: Transaction, groupId: string, userId: string, role: 'admin' | 'member'): Promise<void> {
    await tx.query(sql`SELECT id FROM banyan_group.group_members WHERE group_id = ${groupId} AND user_id = ${userId} FOR UPDATE`);
    await tx.query(sql`UPDATE banyan_group.group_members SET role = ${role} WHERE group_id = ${groupId} AND user_id = ${userId}`);
  }

  /** @returns false if he was not there */
  async remove(tx: Transaction, groupId: string, userId: string): Promise<boolean> {
    await tx.query(sql`SELECT id FROM banyan_group.group_members WHERE group_id = ${groupId} AND user_id = ${userId} FOR UPDATE`);
    const rows = await tx.query(sql`
      DELETE FROM banyan_group.group_members WHERE group_id = ${groupId} AND user_id = ${userId} RETURNING id`);
    return rows.length > 0;
  }

  async ban(tx: Transaction, groupId: string, userId: string, by: string): Promise<void> {
    await tx.query(sql`
      INSERT INTO banyan_group.group_bans (group_id, user_id, banned_by) VALUES (${groupId}, ${userId}, ${by}) ON CONFLICT DO NOTHING`);
  }

  async unban(tx: Transaction, groupId: string, userId: string): Promise<void> {
    await tx.query(sql`DELETE FROM banyan_group.group_bans WHERE group_id = ${groupId} AND user_id = ${userId}`);
  }

  async isBanned(tx: Transaction, groupId: string, userId: string): Promise<boolean> {
    return (await tx.query(sql`SELECT FROM banyan_group.group_bans WHERE group_id = ${groupId} AND user_id = ${userId}`)).length > 0;
  }

  listBans(groupId: string, limit: number): Promise<BanRow[]> {
    return this.database.query<BanRow>(sql`
      SELECT user_id, banned_by, banned_at FROM banyan_group.group_bans WHERE group_id = ${groupId} ORDER BY user_id LIMIT ${limit}`);
  }
}
