import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts. Lengths, NOT NULLs and uniques are legacy's, so that a row can go back there. */
export class Accounts1763800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_auth.users (
        id            uuid PRIMARY KEY,
        email         varchar(255) NOT NULL UNIQUE,
        username      varchar(100) NOT NULL UNIQUE,
        password_hash varchar(255) NOT NULL,
        role          varchar(20) NOT NULL DEFAULT 'user',
        is_active     boolean NOT NULL DEFAULT true,
        is_verified   boolean NOT NULL DEFAULT false,
        last_seen     timestamptz,
        created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at    timestamptz
      )`);
    await runner.query(`
      CREATE TABLE banyan_auth.deleted_users (
        id                  uuid PRIMARY KEY,
        email               varchar(255) NOT NULL UNIQUE,
        username            varchar(100) NOT NULL,
        deleted_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
        deleted_by_admin_id uuid
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE banyan_auth.deleted_users, banyan_auth.users');
  }
}
