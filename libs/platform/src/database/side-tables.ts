import type { QueryRunner } from 'typeorm';

/**
 * The platform's own tables in a domain's schema. Called by the first side migration of each domain; it never changes, because
 * that would change the past of databases that have run it: a later difference is another function and another migration.
 */
export async function createPlatformTables(runner: QueryRunner): Promise<void> {
  for (const statement of statements) await runner.query(statement);
}

export async function dropPlatformTables(runner: QueryRunner): Promise<void> {
  await runner.query('DROP TABLE outbox, leases, inbox, redeliveries, request_keys');
}

const statements = [
  // Rows live for milliseconds. Vacuuming by count keeps the table and its index as small as the backlog, not as the day's traffic.
  `CREATE TABLE outbox (
     position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     id         uuid NOT NULL,
     name       text NOT NULL,
     key        text,
     payload    json NOT NULL,
     trace      text,
     created_at timestamptz NOT NULL DEFAULT now()
   ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.2)`,
  // Which process does a job that only one may do. The epoch rises with every new holder.
  `CREATE TABLE leases (
     job   text PRIMARY KEY,
     owner uuid NOT NULL,
     epoch bigint NOT NULL,
     until timestamptz NOT NULL
   )`,
  // Effects that were made: an event seen again does nothing.
  `CREATE TABLE inbox (
     subscription text NOT NULL,
     event_id     uuid NOT NULL,
     received_at  timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (subscription, event_id)
   )`,
  'CREATE INDEX inbox_received_at ON inbox (received_at)',
  // Events whose handler failed: to be tried again at next_at, or dead.
  `CREATE TABLE redeliveries (
     subscription text NOT NULL,
     event_id     uuid NOT NULL,
     event        json NOT NULL,
     state        text NOT NULL CHECK (state IN ('retry', 'dead')),
     attempts     integer NOT NULL,
     next_at      timestamptz NOT NULL,
     error        text NOT NULL,
     failed_at    timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (subscription, event_id)
   )`,
  'CREATE INDEX redeliveries_due ON redeliveries (state, next_at)',
  `CREATE TABLE request_keys (
     user_id    uuid NOT NULL,
     key        varchar(255) NOT NULL,
     operation  text NOT NULL,
     body_hash  text NOT NULL,
     answer     json,
     created_at timestamptz NOT NULL DEFAULT now(),
     expires_at timestamptz NOT NULL,
     PRIMARY KEY (user_id, key)
   )`,
  'CREATE INDEX request_keys_expires_at ON request_keys (expires_at)',
];

/** Events that a broker has confirmed, for as long as it might lose them. They can go back to the outbox, to the same position. */
export async function createPublishedTable(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE published (
      position     bigint PRIMARY KEY,
      id           uuid NOT NULL,
      name         text NOT NULL,
      key          text,
      payload      json NOT NULL,
      trace        text,
      created_at   timestamptz NOT NULL,
      published_at timestamptz NOT NULL DEFAULT now()
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)`);
}

export async function dropPublishedTable(runner: QueryRunner): Promise<void> {
  await runner.query('DROP TABLE published');
}
