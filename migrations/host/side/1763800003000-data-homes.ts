import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which database holds each table set, every decision about it, and which of them each process follows. */
export class DataHomes1763800003000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE banyan_host.instances DROP COLUMN data_home_version');
    await runner.query('DROP TABLE banyan_host.data_homes, banyan_host.data_home_changes');
  }
}

const change = `
  table_set  text NOT NULL,
  home       text NOT NULL CHECK (home IN ('none', 'own', 'legacy')),
  previous   text NOT NULL CHECK (previous IN ('none', 'own', 'legacy')),
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_by text NOT NULL,
  reason     text NOT NULL`;

const statements = [
  // Every decision there ever was, in the order of their commits.
  `CREATE TABLE banyan_host.data_home_changes (version bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ${change})`,
  // The last decision for each table set; one without a row is undecided, which is the home 'none'.
  `CREATE TABLE banyan_host.data_homes (version bigint NOT NULL, ${change}, PRIMARY KEY (table_set))`,
  `ALTER TABLE banyan_host.instances ADD COLUMN data_home_version bigint NOT NULL DEFAULT 0`,
];
