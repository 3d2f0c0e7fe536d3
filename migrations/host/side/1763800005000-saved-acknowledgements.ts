import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How often the monolith confirmed a message that it had not stored, and a client was told so instead. */
export class SavedAcknowledgements1763800005000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_host.saved_acknowledgements (
        operation text PRIMARY KEY,
        count     bigint NOT NULL,
        last_at   timestamptz NOT NULL,
        last_id   uuid NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE banyan_host.saved_acknowledgements');
  }
}
