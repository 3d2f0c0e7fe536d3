import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What people attach to messages. Without a message it is an upload that waits for one. `sender_id` and `recipient_id` are those of the
 * message: on the legacy data home they are looked up there.
 */
export class Attachments1763800020000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_media.media_attachments (
        id            uuid PRIMARY KEY,
        message_id    uuid,
        file_name     varchar(255) NOT NULL,
        file_type     varchar(100) NOT NULL,
        file_size     integer NOT NULL,
        file_url      varchar(500) NOT NULL,
        thumbnail_url varchar(500),
        created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
        sender_id     uuid,
        recipient_id  uuid
      )`);
    await runner.query('CREATE INDEX media_attachments_message ON banyan_media.media_attachments (message_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE banyan_media.media_attachments');
  }
}
