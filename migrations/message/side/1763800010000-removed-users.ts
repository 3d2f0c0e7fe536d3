import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whose account was removed: nothing is stored from or to them. Ids only. */
export class RemovedUsers1763800010000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_message.removed_users (
        user_id    uuid PRIMARY KEY,
        removed_at timestamptz NOT NULL DEFAULT clock_timestamp()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE banyan_message.removed_users');
  }
}
