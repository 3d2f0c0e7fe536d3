import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Messages. `signatures` is json and not jsonb: it is kept as it came. The index serves conversations, forwards and backwards. */
export class Messages1763800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_message.messages (
        id                       uuid PRIMARY KEY,
        sender_id                uuid NOT NULL,
        recipient_id             uuid NOT NULL,
        encrypted_content        text NOT NULL,
        encrypted_session_key    text NOT NULL,
        sender_encrypted_content text,
        crypto_version           text NOT NULL DEFAULT 'v1',
        encryption_algorithm     text NOT NULL DEFAULT 'ECDH-AES256-GCM',
        kdf_algorithm            text NOT NULL DEFAULT 'HKDF-SHA256',
        signatures               json NOT NULL DEFAULT '[]',
        is_read                  boolean NOT NULL DEFAULT false,
        is_deleted               boolean NOT NULL DEFAULT false,
        has_media                boolean NOT NULL DEFAULT false,
        created_at               timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at               timestamptz
      )`);
    await runner.query(`
      CREATE INDEX messages_conversation ON banyan_message.messages
        (least(sender_id, recipient_id), greatest(sender_id, recipient_id), created_at, id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE banyan_message.messages');
  }
}
