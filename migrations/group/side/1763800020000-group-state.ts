import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What legacy has no table for: who may do what in a group, who may not come back, and whose account is gone. */
export class GroupState1763800020000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE banyan_group.group_settings, banyan_group.group_bans, banyan_group.removed_users');
  }
}

const statements = [
  // A group without a row has the values of a new one.
  `CREATE TABLE banyan_group.group_settings (
     group_id     uuid PRIMARY KEY,
     who_may_post varchar(10) NOT NULL DEFAULT 'members' CHECK (who_may_post IN ('members', 'admins')),
     who_may_add  varchar(10) NOT NULL DEFAULT 'admins' CHECK (who_may_add IN ('members', 'admins')),
     who_may_edit varchar(10) NOT NULL DEFAULT 'admins' CHECK (who_may_edit IN ('members', 'admins'))
   )`,
  `CREATE TABLE banyan_group.group_bans (
     group_id  uuid NOT NULL,
     user_id   uuid NOT NULL,
     banned_by uuid,
     banned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
     PRIMARY KEY (group_id, user_id)
   )`,
  'CREATE INDEX group_bans_user ON banyan_group.group_bans (user_id)',
  // Ids only: nothing is stored from them or for them any more.
  'CREATE TABLE banyan_group.removed_users (user_id uuid PRIMARY KEY, removed_at timestamptz NOT NULL DEFAULT clock_timestamp())',
];
