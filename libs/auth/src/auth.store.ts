import { type Bounds, Database, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';

export interface Account {
  readonly id: string;
  readonly email: string;
  readonly username: string;
  readonly password_hash: string;
  readonly role: string;
  readonly is_active: boolean;
  readonly is_verified: boolean;
  readonly created_at: string;
}

@Injectable()
export class AuthStore {
  constructor(private readonly database: Database) {}

  async find(userId: string): Promise<Account | undefined> {
    const [row] = await this.database.query<Account>(sql`
      SELECT id, email, username, password_hash, role, is_active, is_verified, created_at FROM banyan_auth.users WHERE id = ${userId}`);
    return row;
  }

  /** In the order of the question; undefined for whoever is not there. */
  async findEach(userIds: readonly string[], bounds?: Bounds): Promise<(Account | undefined)[]> {
    const rows = await this.database.query<Account>(
      sql`
      SELECT id, email, username, password_hash, role, is_active, is_verified, created_at FROM banyan_auth.users
      WHERE id = ANY (${userIds}::uuid[])`,
      bounds,
    );
    const byId = new Map(rows.map((row) => [row.id, row]));
    return userIds.map((id) => byId.get(id.toLowerCase()));
  }

  /** Exact comparison: addresses are normalised before they are kept and before they are looked for. */
  async findByEmail(email: string): Promise<Account | undefined> {
    const [row] = await this.database.query<Account>(sql`
      SELECT id, email, username, password_hash, role, is_active, is_verified, created_at FROM banyan_auth.users WHERE email = ${email}`);
    return row;
  }

  /** An account that has this address or this name; the one with the address, if there are two. */
  async findTaken(email: string, username: string): Promise<Account | undefined> {
    const [row] = await this.database.query<Account>(sql`
      SELECT id, email, username, password_hash, role, is_active, is_verified, created_at FROM banyan_auth.users
      WHERE email = ${email} OR username = ${username} ORDER BY email = ${email} DESC LIMIT 1`);
    return row;
  }

  /** @returns when, by the database's clock; undefined if there is no such account, or it has another hash than `before` */
  async setHash(tx: Transaction, userId: string, { hash, before }: { hash: string; before?: string }): Promise<string | undefined> {
    await tx.query(sql`SELECT id FROM banyan_auth.users WHERE id = ${userId} FOR UPDATE`);
    const [row] = await tx.query<{ at: string }>(sql`
      UPDATE banyan_auth.users SET password_hash = ${hash}, updated_at = clock_timestamp()
      WHERE id = ${userId} AND is_active AND (${before ?? null}::text IS NULL OR password_hash = ${before ?? null})
      RETURNING clock_timestamp() AS at`);
    return row?.at;
  }

  /** Unless it was changed meanwhile. */
  async replaceHash(userId: string, before: string, hash: string): Promise<void> {
    await this.database.query(sql`
      UPDATE banyan_auth.users SET password_hash = ${hash} WHERE id = ${userId} AND password_hash = ${before}`);
  }

  /** The address is his: he has read what was sent there. */
  async verify(tx: Transaction, userId: string): Promise<void> {
    await tx.query(sql`
      UPDATE banyan_auth.users SET is_verified = true, updated_at = clock_timestamp() WHERE id = ${userId} AND NOT is_verified`);
  }

  /** Nothing comes back if the address or the name was taken meanwhile. */
  async insertOnce(
    tx: Transaction,
    draft: { id: string; email: string; username: string; password_hash: string },
  ): Promise<{ id: string; created_at: string } | undefined> {
    const [row] = await tx.query<{ id: string; created_at: string }>(sql`
      INSERT INTO banyan_auth.users (id, email, username, password_hash)
      VALUES (${draft.id}, ${draft.email}, ${draft.username}, ${draft.password_hash})
      ON CONFLICT DO NOTHING RETURNING id, created_at`);
    return row;
  }

  /** Locks before it looks: whoever changes the role at the same moment is waited for. */
  async setRole(tx: Transaction, email: string, role: string): Promise<{ userId: string; isNew: boolean } | undefined> {
    const [account] = await tx.query<{ id: string; role: string }>(
      sql`SELECT id, role FROM banyan_auth.users WHERE email = ${email} FOR UPDATE`,
    );
    if (!account) return undefined;
    await tx.query(sql`UPDATE banyan_auth.users SET role = ${role} WHERE id = ${account.id} AND role <> ${role}`);
    return { userId: account.id, isNew: account.role !== role };
  }
}
