import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which monolith, and which database of it, each process was started with: they should all be the same. */
export class LegacyOfInstances1763800008000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE banyan_host.instances ADD COLUMN legacy_url text, ADD COLUMN legacy_database text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE banyan_host.instances DROP COLUMN legacy_url, DROP COLUMN legacy_database');
  }
}
