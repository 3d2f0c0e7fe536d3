import { type Bounds, Database, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import type { KeyEntry } from './keys';

export interface ProfileRow {
  readonly id: string;
  readonly email: string;
  readonly username: string;
  readonly full_name: string | null;
  readonly avatar_url: string | null;
  readonly bio: string | null;
  readonly public_keys: readonly KeyEntry[];
  readonly encrypted_private_key: string | null;
  readonly is_active: boolean;
  readonly created_at: string;
}

export type FoundRow = Pick<ProfileRow, 'id' | 'email' | 'username' | 'full_name' | 'is_active'>;

export interface NewProfile {
  readonly user_id: string;
  readonly email: string;
  readonly username: string;
  readonly full_name: string | null;
  readonly public_keys: readonly KeyEntry[];
  readonly created_at: string;
}

@Injectable()
export class UserStore {
  constructor(private readonly database: Database) {}

  /** `email`, `username`, `created_at` are auth's; here they are copies (where both live in one legacy row, nothing is written for them). */
  async insertOnce(draft: NewProfile): Promise<void> {
    await this.database.query(sql`
      INSERT INTO banyan_user.user_profiles (id, email, username, full_name, public_keys, created_at)
      VALUES (${draft.user_id}, ${draft.email}, ${draft.username}, ${draft.full_name}, ${JSON.stringify(draft.public_keys)}, ${draft.created_at})
      ON CONFLICT DO NOTHING RETURNING id`);
  }

  async find(userId: string): Promise<ProfileRow | undefined> {
    const [row] = await this.database.query<ProfileRow>(sql`
      SELECT id, email, username, full_name, avatar_url, bio, public_keys, encrypted_private_key, is_active, created_at
      FROM banyan_user.user_profiles WHERE id = ${userId}`);
    return row;
  }

  /** Not LIKE: what people type has no wildcards. */
  search(part: string, limit: number): Promise<FoundRow[]> {
    return this.database.query<FoundRow>(sql`
      SELECT id, email, username, full_name, is_active FROM banyan_user.user_profiles
      WHERE position(lower(${part}) IN lower(email)) > 0 ORDER BY email LIMIT ${limit}`);
  }

  async findByEmail(email: string): Promise<FoundRow | undefined> {
    const [row] = await this.database.query<FoundRow>(sql`
      SELECT id, email, username, full_name, is_active FROM banyan_user.user_profiles WHERE email = ${email}`);
    return row;
  }

  /** For each of them, in this order. */
  async exist(userIds: readonly string[], bounds?: Bounds): Promise<boolean[]> {
    const rows = await this.database.query<{ id: string }>(
      sql`SELECT id FROM banyan_user.user_profiles WHERE id = ANY (${userIds}::uuid[])`,
      bounds,
    );
    const found = new Set(rows.map(({ id }) => id));
    return userIds.map((id) => found.has(id));
  }

  /** Locks the profile, so that two replacements of a key follow each other. `now` is the database's clock. */
  async lockKeys(tx: Transaction, userId: string): Promise<{ public_keys: readonly KeyEntry[]; now: string } | undefined> {
    const [row] = await tx.query<{ public_keys: readonly KeyEntry[]; now: string }>(sql`
      SELECT public_keys, clock_timestamp() AS now FROM banyan_user.user_profiles WHERE id = ${userId} FOR UPDATE`);
    return row;
  }

  async updateKeys(tx: Transaction, userId: string, keys: readonly KeyEntry[]): Promise<void> {
    await tx.query(sql`UPDATE banyan_user.user_profiles SET public_keys = ${JSON.stringify(keys)} WHERE id = ${userId}`);
  }

  async updateKeyBackup(userId: string, encryptedPrivateKey: string): Promise<boolean> {
    const rows = await this.database.query(sql`
      UPDATE banyan_user.user_profiles SET encrypted_private_key = ${encryptedPrivateKey} WHERE id = ${userId} RETURNING id`);
    return rows.length > 0;
  }
}
