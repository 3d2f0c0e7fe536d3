import { Database } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';

@Injectable()
export class RemovalStore {
  constructor(private readonly database: Database) {}

  /**
   * From its commit on, nothing begins to be stored from or for him. It waits for what has begun: each of those shares his lock until it
   * has committed, so that whoever erases afterwards sees it.
   */
  async mark(userId: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(sql`SELECT pg_advisory_xact_lock(hashtextextended('banyan_group user ' || ${userId}::text, 0))`);
      await tx.query(sql`INSERT INTO banyan_group.removed_users (user_id) VALUES (${userId}) ON CONFLICT DO NOTHING`);
    });
  }

  /** What names him and is nothing of his own. */
  async forget(userId: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      const statements = [
        sql`DELETE FROM banyan_group.group_bans WHERE user_id = ${userId}`,
        sql`UPDATE banyan_group.group_members SET added_by = NULL WHERE added_by = ${userId}`,
        sql`DELETE FROM banyan_group.request_keys WHERE user_id = ${userId}`,
      ];
      for (const statement of statements) await tx.query(statement);
    });
  }
}
