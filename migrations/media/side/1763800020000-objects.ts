import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What is in the object store, and whose it is. A row is there before the object and goes after it, so that nothing is left behind.
 * `is_listed`: a row of media_attachments belongs to it; the monolith can remove that one. `media_viewers`: who sees an attachment beside
 * its uploader. `expires`: not while it may be the monolith that refers to it. `media_usage`: what the uploads of a user take up. No foreign keys: on the legacy data home the attachments are a view.
 */
export class Objects1763800020000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_media.media_objects (
        id            uuid PRIMARY KEY,
        name          varchar(255) NOT NULL UNIQUE,
        uploader_id   uuid,
        state         text NOT NULL CHECK (state IN ('reserved', 'stored', 'removed')),
        file_name     varchar(255) NOT NULL,
        file_type     varchar(100) NOT NULL,
        served_type   varchar(100),
        size_bytes    bigint,
        sha256        text,
        thumbnail     varchar(255) UNIQUE,
        message_id    uuid,
        expires       boolean NOT NULL DEFAULT false,
        is_listed     boolean NOT NULL DEFAULT false,
        created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
        changed_at    timestamptz NOT NULL DEFAULT clock_timestamp()
      )`);
    await runner.query('CREATE INDEX media_objects_uploader ON banyan_media.media_objects (uploader_id)');
    await runner.query('CREATE INDEX media_objects_message ON banyan_media.media_objects (message_id) WHERE message_id IS NOT NULL');
    await runner.query(
      "CREATE INDEX media_objects_waiting ON banyan_media.media_objects (changed_at) WHERE state <> 'stored' OR message_id IS NULL",
    );
    await runner.query(`
      CREATE TABLE banyan_media.media_viewers (
        media_id uuid NOT NULL,
        user_id  uuid NOT NULL,
        PRIMARY KEY (media_id, user_id)
      )`);
    await runner.query('CREATE TABLE banyan_media.media_usage (user_id uuid PRIMARY KEY, used_bytes bigint NOT NULL)');
    await runner.query(`
      CREATE TABLE banyan_media.removed_users (
        user_id    uuid PRIMARY KEY,
        removed_at timestamptz NOT NULL DEFAULT clock_timestamp()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE banyan_media.removed_users, banyan_media.media_usage, banyan_media.media_viewers, banyan_media.media_objects',
    );
  }
}
