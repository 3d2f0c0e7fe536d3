import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import type { Variant } from '@banyan/migration/prepare/kinds';
import { prepareLegacy } from '@banyan/migration/prepare/prepare';
import { makeLegacyDatabase, type LegacyDatabase } from './legacy-database';

/** A prepared legacy database, seen by legacy's application and by each domain's role. */
export interface LegacyHome {
  readonly database: LegacyDatabase;
  readonly legacy: Client;
  readonly auth: Client;
  readonly user: Client;
  readonly message: Client;
  /** A user as legacy's application or an older version of it left one; what is not given is null. */
  legacyUser(columns?: Record<string, unknown>): Promise<string>;
  /** A direct message likewise. */
  legacyMessage(columns: { sender_id: string; recipient_id: string } & Record<string, unknown>): Promise<string>;
  /** An account that new code inserted, without a profile yet. */
  register(): Promise<string>;
}

export async function makeLegacyHome(variant: Variant): Promise<LegacyHome> {
  const database = await makeLegacyDatabase(variant);
  const legacy = await database.connect();
  await prepareLegacy(legacy);
  const auth = await database.connect({ role: 'banyan_auth' });
  const user = await database.connect({ role: 'banyan_user' });
  const message = await database.connect({ role: 'banyan_message' });

  async function insert(table: string, row: Record<string, unknown>): Promise<void> {
    const names = Object.keys(row);
    const values = names.map((_, i) => `$${i + 1}`);
    await legacy.query(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${values.join(', ')})`, Object.values(row));
  }

  return {
    database,
    legacy,
    auth,
    user,
    message,
    async legacyUser(columns = {}) {
      const id = randomUUID();
      await insert('users', { id, email: `${id}@example.com`, username: id, password_hash: '$2b$12$x', public_keys: '[]', ...columns });
      return id;
    },
    async legacyMessage(columns) {
      const id = randomUUID();
      await insert('messages', { id, encrypted_content: 'content', encrypted_session_key: 'key', ...columns });
      return id;
    },
    async register() {
      const id = randomUUID();
      await auth.query(
        `INSERT INTO banyan_auth.users (id, email, username, password_hash) VALUES ($1, $2, $3, 'hash') ON CONFLICT DO NOTHING`,
        [id, `${id}@example.com`, id],
      );
      return id;
    },
  };
}

/** The only row of an answer. */
export async function one(client: Client, sql: string, values: unknown[] = []): Promise<Record<string, unknown>> {
  const { rows } = await client.query<Record<string, unknown>>(sql, values);
  if (rows.length !== 1) throw new Error(`${rows.length} rows, not one: ${sql}`);
  return rows[0]!;
}
