import { Database, type Queryable, type Transaction } from '@banyan/platform/database/database';
import { sqlState } from '@banyan/platform/database/errors';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import type { Role, Settings } from './contract';

export interface GroupRow {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly admin_id: string;
  readonly created_at: string;
}

export type ListedRow = GroupRow & { readonly members: number };

/** A group as one user meets it. `role` is null for an outsider, and for whoever was removed. */
export type Standing = GroupRow & Settings & { readonly role: Role | null };

/** Own tables have no foreign keys; legacy's say that somebody has left between the look-up and the insert. */
export const FOREIGN_KEY_VIOLATION = '23503';

export const isOrphan = (error: unknown): boolean => sqlState(error) === FOREIGN_KEY_VIOLATION;

/**
 * Groups, what is set for them, and the locks under which they change.
 *
 * Who writes a message shares the lock of the group, whoever changes who is in it or what he may do there holds it alone: so each message
 * is accepted before or after each such change, never beside it. Advisory locks, because they wait in line (a row that is shared
 * again and again keeps a writer out for ever), and because they are the same over a table and over a view.
 */
@Injectable()
export class GroupStore {
  constructor(private readonly database: Database) {}

  /** For a message of `userId`. His own lock is what his removal waits for (`RemovalStore.mark`). */
  async share(tx: Transaction, groupId: string, userId: string): Promise<void> {
    await tx.query(sql`
      SELECT pg_advisory_xact_lock_shared(hashtextextended('banyan_group group ' || ${groupId}::text, 0)),
             pg_advisory_xact_lock_shared(hashtextextended('banyan_group user ' || ${userId}::text, 0))`);
  }

  /** Until the transaction ends, nothing is written to the group and nobody comes or goes. */
  async lock(tx: Transaction, groupId: string): Promise<void> {
    await tx.query(sql`SELECT pg_advisory_xact_lock(hashtextextended('banyan_group group ' || ${groupId}::text, 0))`);
  }

  /** Until the transaction ends, his removal does not begin. @returns false if it has */
  async holdUser(tx: Transaction, userId: string): Promise<boolean> {
    await tx.query(sql`SELECT pg_advisory_xact_lock_shared(hashtextextended('banyan_group user ' || ${userId}::text, 0))`);
    return (await tx.query(sql`SELECT FROM banyan_group.removed_users WHERE user_id = ${userId}`)).length === 0;
  }

  async standing(groupId: string, userId: string, database: Queryable = this.database): Promise<Standing | undefined> {
    const [row] = await database.query<Standing>(sql`
      SELECT g.id, g.name, g.description, g.admin_id, g.created_at,
        CASE WHEN EXISTS (SELECT FROM banyan_group.removed_users r WHERE r.user_id = ${userId}) THEN NULL
             WHEN g.admin_id = ${userId} THEN 'owner'
             ELSE (SELECT CASE WHEN m.role = 'admin' THEN 'admin' ELSE 'member' END
                   FROM banyan_group.group_members m WHERE m.group_id = ${groupId} AND m.user_id = ${userId} LIMIT 1) END AS role,
        COALESCE(s.who_may_post, 'members') AS who_may_post, COALESCE(s.who_may_add, 'admins') AS who_may_add,
        COALESCE(s.who_may_edit, 'admins') AS who_may_edit
      FROM banyan_group.groups g LEFT JOIN banyan_group.group_settings s ON s.group_id = g.id
      WHERE g.id = ${groupId}`);
    return row;
  }

  async find(groupId: string): Promise<GroupRow | undefined> {
    const [row] = await this.database.query<GroupRow>(sql`
      SELECT id, name, description, admin_id, created_at FROM banyan_group.groups WHERE id = ${groupId}`);
    return row;
  }

  /** Oldest first. Everybody is counted once: the owner too, whether or not he is among the members. */
  listOf(userId: string, limit: number): Promise<ListedRow[]> {
    return this.database.query<ListedRow>(sql`
      SELECT g.id, g.name, g.description, g.admin_id, g.created_at,
        (SELECT count(*)::int FROM banyan_group.group_members m WHERE m.group_id = g.id)
          + CASE WHEN EXISTS (SELECT FROM banyan_group.group_members o WHERE o.group_id = g.id AND o.user_id = g.admin_id) THEN 0 ELSE 1 END
          AS members
      FROM banyan_group.groups g
      WHERE g.id = ANY (ARRAY(SELECT group_id FROM banyan_group.group_members WHERE user_id = ${userId}
                              UNION SELECT id FROM banyan_group.groups WHERE admin_id = ${userId}))
      ORDER BY g.created_at, g.id LIMIT ${limit}`);
  }

  async listIdsOf(userId: string, database: Queryable = this.database): Promise<string[]> {
    const rows = await database.query<{ group_id: string }>(sql`
      SELECT group_id FROM banyan_group.group_members WHERE user_id = ${userId}
      UNION SELECT id FROM banyan_group.groups WHERE admin_id = ${userId}`);
    return rows.map(({ group_id }) => group_id);
  }

  async listOwned(userId: string, limit: number): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(sql`
      SELECT id FROM banyan_group.groups WHERE admin_id = ${userId} LIMIT ${limit}`);
    return rows.map(({ id }) => id);
  }

  /** The id is fresh. */
  async insert(tx: Transaction, draft: Pick<GroupRow, 'id' | 'name' | 'description' | 'admin_id'>): Promise<GroupRow> {
    const [row] = await tx.query<GroupRow>(sql`
      INSERT INTO banyan_group.groups (id, name, description, admin_id, updated_at)
      VALUES (${draft.id}, ${draft.name}, ${draft.description}, ${draft.admin_id}, clock_timestamp())
      ON CONFLICT DO NOTHING RETURNING id, name, description, admin_id, created_at`);
    if (!row) throw new Error(`group ${draft.id} exists already`);
    return row;
  }

  async describe(tx: Transaction, groupId: string, name: string, description: string | null): Promise<void> {
    await tx.query(sql`SELECT id FROM banyan_group.groups WHERE id = ${groupId} FOR UPDATE`);
    await tx.query(sql`
      UPDATE banyan_group.groups SET name = ${name}, description = ${description}, updated_at = clock_timestamp() WHERE id = ${groupId}`);
  }

  async setOwner(tx: Transaction, groupId: string, userId: string): Promise<void> {
    await tx.query(sql`SELECT id FROM banyan_group.groups WHERE id = ${groupId} FOR UPDATE`);
    await tx.query(sql`UPDATE banyan_group.groups SET admin_id = ${userId}, updated_at = clock_timestamp() WHERE id = ${groupId}`);
  }

  async set(tx: Transaction, groupId: string, { who_may_post, who_may_add, who_may_edit }: Settings): Promise<void> {
    await tx.query(sql`
      INSERT INTO banyan_group.group_settings (group_id, who_may_post, who_may_add, who_may_edit)
      VALUES (${groupId}, ${who_may_post}, ${who_may_add}, ${who_may_edit})
      ON CONFLICT (group_id) DO UPDATE
        SET who_may_post = excluded.who_may_post, who_may_add = excluded.who_may_add, who_may_edit = excluded.who_may_edit`);
  }

  /**
   * The group with its members; nobody reaches its messages any more, which go later (`MessageStore.sweep`). The group first: where legacy keeps
   * it, all the rest goes with it at once.
   */
  async remove(tx: Transaction, groupId: string): Promise<void> {
    await tx.query(sql`DELETE FROM banyan_group.groups WHERE id = ${groupId} RETURNING id`);
    await tx.query(sql`DELETE FROM banyan_group.group_members WHERE group_id = ${groupId}`);
    await tx.query(sql`DELETE FROM banyan_group.group_settings WHERE group_id = ${groupId}`);
    await tx.query(sql`DELETE FROM banyan_group.group_bans WHERE group_id = ${groupId}`);
  }
}
