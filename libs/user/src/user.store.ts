import { type Bounds, Database, type Queryable, type Transaction } from '@banyan/platform/database/database';
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

export interface ListedRow {
  readonly id: string;
  readonly email: string;
  readonly username: string;
  readonly full_name: string | null;
  readonly role: string;
  readonly is_contact: boolean;
  readonly created_at: string;
}

/** What a user writes about himself. */
export type Description = Pick<ProfileRow, 'full_name' | 'bio' | 'avatar_url'>;

/** Who would write to whom. */
export interface Pair {
  readonly from: string;
  readonly to: string;
}

/** Below every id. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

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

  /**
   * `email`, `username`, `created_at` are auth's; here they are copies (where both live in one legacy row, nothing is written for them).
   * Not for a user who was purged, whatever happens at the same moment.
   */
  async insertOnce(draft: NewProfile): Promise<void> {
    await this.database.transaction(async (tx) => {
      await this.lockExistence(tx, draft.user_id);
      await tx.query(sql`
        INSERT INTO banyan_user.user_profiles (id, email, username, full_name, public_keys, created_at)
        SELECT ${draft.user_id}::uuid, ${draft.email}, ${draft.username}, ${draft.full_name}, ${JSON.stringify(draft.public_keys)}::jsonb,
               ${draft.created_at}::timestamptz
        WHERE NOT EXISTS (SELECT FROM banyan_user.purged_users WHERE user_id = ${draft.user_id})
        ON CONFLICT DO NOTHING RETURNING id`);
    });
  }

  /** Whoever makes or removes this user's profile waits for the others. */
  async lockExistence(tx: Transaction, userId: string): Promise<void> {
    await tx.query(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`profile of ${userId}`}, 0))`);
  }

  async find(userId: string, database: Queryable = this.database): Promise<ProfileRow | undefined> {
    const [row] = await database.query<ProfileRow>(sql`
      SELECT id, email, username, full_name, avatar_url, bio, public_keys, encrypted_private_key, is_active, created_at
      FROM banyan_user.user_profiles WHERE id = ${userId}`);
    return row;
  }

  /** In the order of the question; undefined for whoever is not there. */
  async findEach(userIds: readonly string[], bounds?: Bounds): Promise<(ProfileRow | undefined)[]> {
    const rows = await this.database.query<ProfileRow>(
      sql`
      SELECT id, email, username, full_name, avatar_url, bio, public_keys, encrypted_private_key, is_active, created_at
      FROM banyan_user.user_profiles WHERE id = ANY (${userIds}::uuid[])`,
      bounds,
    );
    const byId = new Map(rows.map((row) => [row.id, row]));
    return userIds.map((id) => byId.get(id.toLowerCase()));
  }

  findMany(userIds: readonly string[]): Promise<ProfileRow[]> {
    return this.database.query<ProfileRow>(sql`
      SELECT id, email, username, full_name, avatar_url, bio, public_keys, NULL AS encrypted_private_key, is_active, created_at
      FROM banyan_user.user_profiles WHERE id = ANY (${userIds}::uuid[])`);
  }

  /** As `viewerId` sees him: whoever has blocked him is not there. */
  async findFor(viewerId: string, userId: string): Promise<ProfileRow | undefined> {
    const [row] = await this.database.query<ProfileRow>(sql`
      SELECT id, email, username, full_name, avatar_url, bio, public_keys, encrypted_private_key, is_active, created_at
      FROM banyan_user.user_profiles p WHERE id = ${userId}
        AND NOT EXISTS (SELECT FROM banyan_user.blocks b WHERE b.blocker_id = p.id AND b.blocked_id = ${viewerId})`);
    return row;
  }

  /**
   * Those with `part` in their address in any case, as far as the viewer sees them; the nearest to its beginning first, among the first
   * 200 that are found. People type no wildcards: what is one to SQL is a letter here.
   *
   * Planned anew each time: how to find `@example.com`, which everybody has, differs from how to find a name.
   */
  async search(viewerId: string, part: string, limit: number): Promise<FoundRow[]> {
    return this.database.transaction(async (tx) => {
      await tx.query(sql`SELECT set_config('plan_cache_mode', 'force_custom_plan', true)`);
      if ([...part].length < 3) return this.searchBeginnings(tx, viewerId, part, limit);
      return tx.query<FoundRow>(sql`
        SELECT id, email, username, full_name, is_active FROM (
          SELECT id, email, username, full_name, is_active FROM banyan_user.user_profiles p
          WHERE banyan_user.trigrams_of(lower(email)) @> banyan_user.trigrams_of(lower(${tellingOf(part)}))
            AND position(lower(${part}) IN lower(email)) > 0
            AND NOT EXISTS (SELECT FROM banyan_user.blocks b WHERE b.blocker_id = p.id AND b.blocked_id = ${viewerId})
          LIMIT 200) AS found
        ORDER BY position(lower(${part}) IN lower(email)), email LIMIT ${limit}`);
    });
  }

  /** One or two characters are somewhere in nearly every address. */
  private searchBeginnings(tx: Transaction, viewerId: string, part: string, limit: number): Promise<FoundRow[]> {
    const pattern = `${part.replace(/[\\%_]/g, '\\$&')}%`;
    return tx.query<FoundRow>(sql`
      SELECT id, email, username, full_name, is_active FROM banyan_user.user_profiles p
      WHERE lower(email) LIKE lower(${pattern})
        AND NOT EXISTS (SELECT FROM banyan_user.blocks b WHERE b.blocker_id = p.id AND b.blocked_id = ${viewerId})
      LIMIT ${limit}`);
  }

  async findByEmail(viewerId: string, email: string): Promise<FoundRow | undefined> {
    const [row] = await this.database.query<FoundRow>(sql`
      SELECT id, email, username, full_name, is_active FROM banyan_user.user_profiles p WHERE email = ${email}
        AND NOT EXISTS (SELECT FROM banyan_user.blocks b WHERE b.blocker_id = p.id AND b.blocked_id = ${viewerId})`);
    return row;
  }

  /** For each pair, in this order, whether a message may pass. */
  async mayWrite(pairs: readonly Pair[], bounds?: Bounds): Promise<boolean[]> {
    const [from, to] = [pairs.map((pair) => pair.from), pairs.map((pair) => pair.to)];
    const rows = await this.database.query<{ n: number }>(
      sql`
        SELECT asked.n::int AS n FROM unnest(${from}::uuid[], ${to}::uuid[]) WITH ORDINALITY AS asked (sender, recipient, n)
        JOIN banyan_user.user_profiles p ON p.id = asked.recipient
        WHERE NOT EXISTS (SELECT FROM banyan_user.blocks b WHERE b.blocker_id = asked.recipient AND b.blocked_id = asked.sender)
          AND NOT EXISTS (SELECT FROM banyan_user.blocks b WHERE b.blocker_id = asked.sender AND b.blocked_id = asked.recipient)
          AND NOT EXISTS (SELECT FROM banyan_user.purged_users g WHERE g.user_id = asked.sender)`,
      bounds,
    );
    const allowed = new Set(rows.map(({ n }) => n));
    return pairs.map((_, i) => allowed.has(i + 1));
  }

  /** Everybody but one, by id. */
  listOthers(adminId: string, { limit, after }: { limit: number; after?: string | null }): Promise<ListedRow[]> {
    return this.database.query<ListedRow>(sql`
      SELECT p.id, p.email, p.username, p.full_name, p.role, c.id IS NOT NULL AS is_contact, p.created_at
      FROM banyan_user.user_profiles p LEFT JOIN banyan_user.contacts c ON c.user_id = ${adminId} AND c.contact_id = p.id
      WHERE p.id <> ${adminId} AND p.id > ${after ?? FIRST_ID} ORDER BY p.id LIMIT ${limit}`);
  }

  /**
   * Keeps those of these profiles from being removed until the transaction ends. @returns their ids
   *
   * Looks again after it has waited: where a profile is a part of another row, a removal leaves that row, and the statement that waited for
   * it still sees what was there before.
   */
  async holdProfiles(tx: Transaction, userIds: readonly string[]): Promise<Set<string>> {
    await tx.query(sql`SELECT id FROM banyan_user.user_profiles WHERE id = ANY (${userIds}::uuid[]) ORDER BY id FOR KEY SHARE`);
    const rows = await tx.query<{ id: string }>(sql`SELECT id FROM banyan_user.user_profiles WHERE id = ANY (${userIds}::uuid[])`);
    return new Set(rows.map(({ id }) => id));
  }

  async lockDescription(tx: Transaction, userId: string): Promise<Description | undefined> {
    const [row] = await tx.query<Description>(sql`
      SELECT full_name, bio, avatar_url FROM banyan_user.user_profiles WHERE id = ${userId} FOR UPDATE`);
    return row;
  }

  async updateDescription(tx: Transaction, userId: string, { full_name, bio, avatar_url }: Description): Promise<void> {
    await tx.query(sql`
      UPDATE banyan_user.user_profiles SET full_name = ${full_name}, bio = ${bio}, avatar_url = ${avatar_url} WHERE id = ${userId}`);
  }

  /** Auth's copy. Where both live in one legacy row it is there already. */
  async copyRole(userId: string, role: string): Promise<void> {
    await this.database.query(sql`UPDATE banyan_user.user_profiles SET role = ${role} WHERE id = ${userId} AND role <> ${role}`);
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

  /** Locks the profile, so that of two replacements of a backup each is kept. Looks again as `holdProfiles` does. */
  async lockBackup(tx: Transaction, userId: string): Promise<Pick<ProfileRow, 'public_keys' | 'encrypted_private_key'> | undefined> {
    await tx.query(sql`SELECT id FROM banyan_user.user_profiles WHERE id = ${userId} FOR UPDATE`);
    const [row] = await tx.query<Pick<ProfileRow, 'public_keys' | 'encrypted_private_key'>>(sql`
      SELECT public_keys, encrypted_private_key FROM banyan_user.user_profiles WHERE id = ${userId}`);
    return row;
  }

  async updateKeyBackup(tx: Transaction, userId: string, encryptedPrivateKey: string): Promise<void> {
    await tx.query(sql`UPDATE banyan_user.user_profiles SET encrypted_private_key = ${encryptedPrivateKey} WHERE id = ${userId}`);
  }
}

/** What of a text tells one address from another: nearly all have the same few domains behind the `@`, and each common trigram costs. */
function tellingOf(part: string): string {
  const name = part.slice(0, Math.max(0, part.lastIndexOf('@')));
  return [...name].length < 3 ? part : name;
}
