import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Profiles. `email`, `username`, `is_active`, `created_at` are copies of auth's; `public_keys` is the history, oldest first. */
export class Profiles1763800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_user.user_profiles (
        id                    uuid PRIMARY KEY,
        email                 varchar(255) NOT NULL,
        username              varchar(100) NOT NULL,
        full_name             varchar(255),
        avatar_url            varchar(500),
        bio                   varchar(500),
        public_keys           jsonb NOT NULL DEFAULT '[]',
        encrypted_private_key text,
        is_active             boolean NOT NULL DEFAULT true,
        created_at            timestamptz NOT NULL DEFAULT clock_timestamp()
      )`);
    await runner.query('CREATE INDEX user_profiles_email ON banyan_user.user_profiles (email)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE banyan_user.user_profiles');
  }
}
