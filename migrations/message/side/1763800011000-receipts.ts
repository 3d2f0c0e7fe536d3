import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which messages a device of their recipient has said it has. */
export class Receipts1763800011000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_message.receipts (
        message_id   uuid PRIMARY KEY,
        recipient_id uuid NOT NULL,
        confirmed_at timestamptz NOT NULL DEFAULT clock_timestamp()
      )`);
    await runner.query('CREATE INDEX receipts_recipient ON banyan_message.receipts (recipient_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE banyan_message.receipts');
  }
}
