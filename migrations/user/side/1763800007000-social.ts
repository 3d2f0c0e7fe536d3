import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What legacy has no table for: blocks, sent mails and acceptances of invitations, earlier key backups, who was removed. */
export class Social1763800007000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE blocks, invitation_sendings, invitation_acceptances, key_backups, purged_users');
  }
}

const statements = [
  `CREATE TABLE blocks (
     blocker_id uuid NOT NULL,
     blocked_id uuid NOT NULL,
     created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
     PRIMARY KEY (blocker_id, blocked_id)
   )`,
  'CREATE INDEX blocks_blocked ON blocks (blocked_id)',
  // Outlives a revoked invitation: limits are counted here.
  `CREATE TABLE invitation_sendings (
     invitation_id uuid NOT NULL,
     sending       integer NOT NULL,
     inviter_id    uuid NOT NULL,
     invitee_email varchar(255) NOT NULL,
     sent_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
     PRIMARY KEY (invitation_id, sending)
   )`,
  'CREATE INDEX invitation_sendings_inviter ON invitation_sendings (inviter_id, sent_at)',
  'CREATE INDEX invitation_sendings_invitee ON invitation_sendings (invitee_email)',
  `CREATE TABLE invitation_acceptances (
     invitation_id uuid PRIMARY KEY,
     user_id       uuid NOT NULL
   )`,
  'CREATE INDEX invitation_acceptances_user ON invitation_acceptances (user_id)',
  // Every backup that was stored here, the current one too: whoever replaces it elsewhere does not keep it. `digest` finds equal ones.
  `CREATE TABLE key_backups (
     id                    uuid PRIMARY KEY,
     user_id               uuid NOT NULL,
     public_key            text,
     encrypted_private_key text NOT NULL,
     digest                text NOT NULL,
     stored_at             timestamptz NOT NULL DEFAULT clock_timestamp()
   )`,
  'CREATE INDEX key_backups_user ON key_backups (user_id, stored_at)',
  // A late event of a registration must not bring back who is gone.
  'CREATE TABLE purged_users (user_id uuid PRIMARY KEY, purged_at timestamptz NOT NULL DEFAULT clock_timestamp())',
];
