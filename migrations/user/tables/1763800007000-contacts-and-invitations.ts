import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Lengths, NOT NULLs and uniques are legacy's, so that a row can go back there. `role` of a profile is a copy of auth's. */
export class ContactsAndInvitations1763800007000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_user.contacts (
        id         uuid PRIMARY KEY,
        user_id    uuid NOT NULL,
        contact_id uuid NOT NULL,
        nickname   varchar(255),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (user_id, contact_id)
      )`);
    await runner.query('CREATE INDEX contacts_contact ON banyan_user.contacts (contact_id)');
    await runner.query(`
      CREATE TABLE banyan_user.invitations (
        id               uuid PRIMARY KEY,
        inviter_id       uuid NOT NULL,
        invitee_email    varchar(255) NOT NULL,
        invitation_token varchar(255) NOT NULL UNIQUE,
        is_accepted      boolean NOT NULL DEFAULT false,
        accepted_at      timestamptz,
        created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at       timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX invitations_inviter ON banyan_user.invitations (inviter_id)');
    await runner.query('CREATE INDEX invitations_invitee ON banyan_user.invitations (invitee_email)');
    await runner.query(`ALTER TABLE banyan_user.user_profiles ADD COLUMN role varchar(20) NOT NULL DEFAULT 'user'`);
    // The same as on the legacy data home (libs/migration/src/prepare/conversions.ts), where it also says why not pg_trgm.
    await runner.query(`
      CREATE FUNCTION banyan_user.trigrams_of(words text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
        SELECT ARRAY(SELECT DISTINCT pg_catalog.substr(words, n, 3) FROM pg_catalog.generate_series(1, pg_catalog.length(words) - 2) AS n)
      $body$`);
    await runner.query(
      'CREATE INDEX user_profiles_trigrams ON banyan_user.user_profiles USING gin (banyan_user.trigrams_of(lower(email)))',
    );
    await runner.query('CREATE INDEX user_profiles_beginning ON banyan_user.user_profiles (lower(email) text_pattern_ops)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX banyan_user.user_profiles_beginning, banyan_user.user_profiles_trigrams');
    await runner.query('DROP FUNCTION banyan_user.trigrams_of(text)');
    await runner.query('ALTER TABLE banyan_user.user_profiles DROP COLUMN role');
    await runner.query('DROP TABLE banyan_user.invitations, banyan_user.contacts');
  }
}
