import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The relay queue: what is not acknowledged and has not expired waits, in the order of `position`; `acknowledged_by` is the key of
 * the request that did it. And what a user deleted for himself. Both refer to messages without a foreign key: on the legacy data home messages are a view.
 */
export class Deliveries1763800001000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_message.deliveries (
        message_id      uuid PRIMARY KEY,
        position        bigint GENERATED ALWAYS AS IDENTITY,
        sender_id       uuid NOT NULL,
        recipient_id    uuid NOT NULL,
        signatures      json,
        media_refs      json,
        attempts        integer NOT NULL DEFAULT 0,
        created_at      timestamptz NOT NULL,
        expires_at      timestamptz NOT NULL,
        acknowledged_at timestamptz,
        acknowledged_by varchar(255)
      )`);
    await runner.query('CREATE INDEX deliveries_queue ON banyan_message.deliveries (recipient_id, position) WHERE acknowledged_at IS NULL');
    await runner.query('CREATE INDEX deliveries_expires_at ON banyan_message.deliveries (expires_at)');
    await runner.query(`
      CREATE TABLE banyan_message.hidden_messages (
        user_id    uuid NOT NULL,
        message_id uuid NOT NULL,
        hidden_at  timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (user_id, message_id)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE banyan_message.hidden_messages, banyan_message.deliveries');
  }
}
