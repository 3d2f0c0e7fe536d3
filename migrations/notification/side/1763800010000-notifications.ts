import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Mails with what becomes of each, templates that admins have changed, what people do not want, and the key that signs unsubscribe links.
 * The monolith has no counterpart of any of them. `mails.data` has ids and instants, never a secret or a content.
 */
export class Notifications1763800010000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_notification.mails (
        id               uuid PRIMARY KEY,
        kind             text NOT NULL,
        is_test          boolean NOT NULL DEFAULT false,
        user_id          uuid,
        caused_by        uuid,
        data             jsonb NOT NULL,
        state            text NOT NULL DEFAULT 'queued'
                         CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'bounced', 'unsure', 'dropped')),
        attempts         integer NOT NULL DEFAULT 0,
        repeats_left     integer NOT NULL,
        next_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
        epoch            bigint,
        address          text,
        template_version integer,
        reason           text,
        created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
        sent_at          timestamptz,
        read_at          timestamptz
      )`);
    await runner.query(`CREATE INDEX mails_due ON banyan_notification.mails (next_at) WHERE state = 'queued'`);
    await runner.query(`CREATE INDEX mails_state ON banyan_notification.mails (state, id) WHERE state <> 'sent'`);
    await runner.query('CREATE INDEX mails_user_id ON banyan_notification.mails (user_id, id)');
    await runner.query('CREATE INDEX mails_caused_by ON banyan_notification.mails (caused_by) WHERE caused_by IS NOT NULL');
    await runner.query('CREATE INDEX mails_created_at ON banyan_notification.mails (created_at)');
    await runner.query(`
      CREATE TABLE banyan_notification.templates (
        kind       text NOT NULL,
        version    integer NOT NULL CHECK (version > 0),
        subject    text NOT NULL,
        text       text NOT NULL,
        html       text NOT NULL,
        created_by uuid NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (kind, version)
      )`);
    // A subject is a user ('user:<id>') or an address as a keyed hash ('address:<hash>'), so that nobody can read from whom.
    await runner.query(`
      CREATE TABLE banyan_notification.preferences (
        subject    text NOT NULL,
        kind       text NOT NULL,
        is_on      boolean NOT NULL,
        changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (subject, kind)
      )`);
    await runner.query('CREATE TABLE banyan_notification.signing_keys (purpose text PRIMARY KEY, key text NOT NULL)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE banyan_notification.signing_keys, banyan_notification.preferences, banyan_notification.templates, banyan_notification.mails',
    );
  }
}
