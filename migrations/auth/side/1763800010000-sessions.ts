import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sessions and what else auth keeps beside accounts. Real tables on either data home, and no foreign keys to accounts, which are a view on one. */
export class Sessions1763800010000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // A session is a family of refresh tokens: the one that is good, and the one before, which is for a moment.
    await runner.query(`
      CREATE TABLE banyan_auth.sessions (
        id            uuid PRIMARY KEY,
        user_id       uuid NOT NULL,
        salt          bytea NOT NULL,
        token_hash    bytea NOT NULL,
        previous_hash bytea,
        rotated_at    timestamptz,
        network       text,
        address       text,
        agent         text,
        created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
        last_used_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at    timestamptz NOT NULL,
        ended_at      timestamptz,
        end_reason    text
      )`);
    await runner.query('CREATE INDEX sessions_user ON banyan_auth.sessions (user_id, last_used_at)');
    await runner.query('CREATE INDEX sessions_expires_at ON banyan_auth.sessions (expires_at)');
    // Tokens without a session, which the monolith makes, are refused if they end at or before that second.
    await runner.query(`
      CREATE TABLE banyan_auth.token_cutoffs (
        user_id      uuid PRIMARY KEY,
        tokens_until bigint NOT NULL
      )`);
    await runner.query(`
      CREATE TABLE banyan_auth.links (
        purpose    text NOT NULL,
        request_id uuid NOT NULL,
        user_id    uuid NOT NULL,
        salt       bytea NOT NULL,
        token_hash bytea NOT NULL UNIQUE,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL,
        used_at    timestamptz,
        PRIMARY KEY (purpose, request_id)
      )`);
    await runner.query('CREATE INDEX links_user ON banyan_auth.links (user_id, purpose)');
    // Accounts that are being removed, and for a while those that are. Address and name go with the account.
    await runner.query(`
      CREATE TABLE banyan_auth.removals (
        user_id      uuid PRIMARY KEY,
        key          varchar(255) NOT NULL,
        requested_by uuid NOT NULL,
        email        varchar(255),
        purged       text[] NOT NULL DEFAULT '{}',
        attempts     integer NOT NULL DEFAULT 0,
        requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        next_at      timestamptz NOT NULL,
        finished_at  timestamptz
      )`);
    await runner.query('CREATE INDEX removals_open ON banyan_auth.removals (next_at) WHERE finished_at IS NULL');
    await runner.query(`
      CREATE TABLE banyan_auth.signing_keys (
        kid        text PRIMARY KEY,
        jwk        json NOT NULL,
        sealed     bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        signs_from timestamptz NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE banyan_auth.signing_keys, banyan_auth.removals, banyan_auth.links, banyan_auth.token_cutoffs, banyan_auth.sessions',
    );
  }
}
