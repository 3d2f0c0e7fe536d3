import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which deliveries wait, or waited, in the memory of legacy's relay too: it has to hear of their end. */
export class Adopted1763800006000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE banyan_message.deliveries ADD COLUMN adopted boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE banyan_message.deliveries DROP COLUMN adopted');
  }
}
