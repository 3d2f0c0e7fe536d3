import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Variant } from '@banyan/migration/prepare/kinds';

/** A database of its own with legacy's schema, as one of the two ways of the field would have made it. */
export interface LegacyDatabase {
  readonly name: string;
  readonly url: string;
  /** A new connection, as the superuser or with `role` taken on. Closed by `drop`. */
  connect(options?: { role?: string; user?: string }): Promise<Client>;
  drop(): Promise<void>;
}

/** What `schema.sql` says about databases that went through legacy's migration files. */
const byMigrationFiles = `
  ALTER TABLE messages ALTER COLUMN encrypted_content TYPE bytea USING convert_to(encrypted_content, 'UTF8');
  ALTER TABLE messages ALTER COLUMN encrypted_session_key TYPE bytea USING convert_to(encrypted_session_key, 'UTF8');
  ALTER TABLE media_attachments ALTER COLUMN message_id SET NOT NULL;
  ALTER TABLE media_attachments ALTER COLUMN created_at SET NOT NULL;
  CREATE TABLE alembic_version (version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY);
  INSERT INTO alembic_version VALUES ('add_user_key_backup');`;

/** @param server a superuser's URL on a PostgreSQL 15: `TEST_LEGACY_DATABASE_URL`, or one of the test's own */
export async function makeLegacyDatabase(variant: Variant, server = process.env.TEST_LEGACY_DATABASE_URL): Promise<LegacyDatabase> {
  if (!server) throw new Error('TEST_LEGACY_DATABASE_URL is not set: it has to be the URL of a superuser on a PostgreSQL 15');
  const name = `legacy_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(server);
  url.pathname = name;
  const connections: Client[] = [];

  const database: LegacyDatabase = {
    name,
    url: url.href,
    async connect({ role, user } = {}) {
      const asUser = new URL(url);
      if (user) asUser.username = asUser.password = user; // the roles that specs make have their own name as password
      const client = new Client({ connectionString: asUser.href });
      client.on('error', () => undefined); // a test may kill its server
      await client.connect();
      connections.push(client);
      if (role) await client.query(`SET ROLE ${role}`);
      return client;
    },
    async drop() {
      await Promise.all(connections.map((client) => client.end()));
      await onServer(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };

  await onServer(server, `CREATE DATABASE ${name}`);
  const owner = await database.connect();
  await createLegacyTables(owner, variant);
  return database;
}

/** Legacy's tables in an empty database. */
export async function createLegacyTables(client: Client, variant: Variant): Promise<void> {
  await client.query(readFileSync(join(__dirname, 'schema.sql'), 'utf8'));
  if (variant === 'bytea') await client.query(byMigrationFiles);
}

/** Resolves when the server says that process `pid` waits for a lock of process `by`. Rejects if what `pid` does (`work`) ends without. */
export async function untilBlocked(observer: Client, { pid, by }: { pid: number; by: number }, work: Promise<unknown>): Promise<void> {
  let hasEnded = false;
  const ended = () => void (hasEnded = true);
  work.then(ended, ended);
  while (!hasEnded) {
    const { rows } = await observer.query<{ blocked: boolean }>('SELECT $2::int = ANY (pg_blocking_pids($1)) AS blocked', [pid, by]);
    if (rows[0]!.blocked) return;
  }
  throw new Error('ended without waiting for the lock');
}

export async function processId(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]!.pid;
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
