import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Where work goes, and who is there to do it. A heartbeat changes its row in place (no index on what it changes, room on the page),
 * and the shapes of contracts, which are long and rarely new, lie beside it under their hash.
 */
export class RoutesAndInstances1763800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE banyan_host.instances, banyan_host.contracts, banyan_host.routes, banyan_host.route_changes');
  }
}

const change = `
  domain     text NOT NULL,
  remote     integer NOT NULL CHECK (remote >= 0),
  local      integer NOT NULL CHECK (local >= 0),
  legacy     integer NOT NULL CHECK (legacy >= 0),
  previous   json NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_by text NOT NULL,
  reason     text NOT NULL,
  CHECK (remote + local + legacy = 10000)`;

const statements = [
  // Every change there ever was, in the order of their commits.
  `CREATE TABLE banyan_host.route_changes (version bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ${change})`,
  // The last change of each domain; a domain without one is where the setting ROUTES says.
  `CREATE TABLE banyan_host.routes (version bigint NOT NULL, ${change}, PRIMARY KEY (domain))`,
  `CREATE TABLE banyan_host.contracts (
     hash          text PRIMARY KEY,
     domain        text NOT NULL,
     operations    json NOT NULL,
     first_seen_at timestamptz NOT NULL DEFAULT now()
   )`,
  `CREATE TABLE banyan_host.instances (
     id            uuid PRIMARY KEY,
     kind          text NOT NULL CHECK (kind IN ('host', 'edge', 'worker')),
     queue         text NOT NULL,
     build         text NOT NULL,
     url           text NOT NULL,
     domains       text[] NOT NULL,
     contracts     json NOT NULL,
     draining      boolean NOT NULL,
     route_version bigint NOT NULL,
     traffic       json NOT NULL,
     started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
     heartbeat_at  timestamptz NOT NULL DEFAULT clock_timestamp()
   ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500)`,
];
