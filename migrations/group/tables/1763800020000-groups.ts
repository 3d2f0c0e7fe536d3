import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Groups. Lengths and NOT NULLs are legacy's, so that a row can go back there; that a member is in a group once is ours. Contents are
 * text here and bytes there. Nothing refers to anything by a foreign key: on the legacy data home these are views.
 */
export class Groups1763800020000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE banyan_group.group_read_receipts, banyan_group.group_messages, banyan_group.group_members, banyan_group.groups',
    );
  }
}

const statements = [
  `CREATE TABLE banyan_group.groups (
     id           uuid PRIMARY KEY,
     name         varchar(255) NOT NULL,
     description  text,
     admin_id     uuid NOT NULL,
     avatar_url   varchar(500),
     is_encrypted boolean NOT NULL DEFAULT true,
     created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
     updated_at   timestamptz
   )`,
  'CREATE INDEX groups_admin ON banyan_group.groups (admin_id)',
  `CREATE TABLE banyan_group.group_members (
     id        uuid PRIMARY KEY,
     group_id  uuid NOT NULL,
     user_id   uuid NOT NULL,
     role      varchar(50) NOT NULL DEFAULT 'member',
     added_by  uuid,
     joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
     is_muted  boolean NOT NULL DEFAULT false,
     UNIQUE (group_id, user_id)
   )`,
  'CREATE INDEX group_members_user ON banyan_group.group_members (user_id)',
  'CREATE INDEX group_members_added_by ON banyan_group.group_members (added_by)',
  `CREATE TABLE banyan_group.group_messages (
     id                    uuid PRIMARY KEY,
     group_id              uuid NOT NULL,
     sender_id             uuid NOT NULL,
     encrypted_content     text NOT NULL,
     encrypted_session_key text NOT NULL,
     is_edited             boolean NOT NULL DEFAULT false,
     is_deleted            boolean NOT NULL DEFAULT false,
     created_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
     updated_at            timestamptz
   )`,
  'CREATE INDEX group_messages_history ON banyan_group.group_messages (group_id, created_at, id)',
  'CREATE INDEX group_messages_sender ON banyan_group.group_messages (sender_id)',
  `CREATE TABLE banyan_group.group_read_receipts (
     id         uuid PRIMARY KEY,
     message_id uuid NOT NULL,
     user_id    uuid NOT NULL,
     read_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
     UNIQUE (message_id, user_id)
   )`,
  'CREATE INDEX group_read_receipts_user ON banyan_group.group_read_receipts (user_id)',
];
