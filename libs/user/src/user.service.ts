import { type Input, normaliseEmail } from '@banyan/platform/contract';
import { Coalescer } from '@banyan/platform/database/coalesce';
import { Database } from '@banyan/platform/database/database';
import { sqlState } from '@banyan/platform/database/errors';
import { currentContext } from '@banyan/platform/dispatch/context';
import { Outbox } from '@banyan/platform/events/outbox';
import { Injectable } from '@nestjs/common';
import {
  type createProfile,
  type FoundUser,
  type KeyRecord,
  type Profile,
  PublicKeyRequired,
  type updateProfile,
  userChanged,
  UserNotFound,
} from './contract';
import { currentKey, type KeyEntry, placeholderKey, withActiveKey } from './keys';
import { PurgeStore } from './purge.store';
import { type FoundRow, type Pair, type ProfileRow, UserStore } from './user.store';

const SEARCH_LIMIT = 10;

@Injectable()
export class UserService {
  /** Asked before every message: whoever asks at the same moment shares a statement. */
  private readonly looking = new Coalescer<Pair, boolean>((pairs, bounds) => this.store.mayWrite(pairs, bounds), {
    deadlineOf: () => currentContext()?.deadline,
  });

  /** Asked whenever a client shows who is signed in. */
  private readonly finding = new Coalescer<string, ProfileRow | undefined>((ids, bounds) => this.store.findEach(ids, bounds), {
    deadlineOf: () => currentContext()?.deadline,
  });

  constructor(
    private readonly store: UserStore,
    private readonly purges: PurgeStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /** Called at registration and again by its event; the second one finds the profile and leaves it. */
  async createProfile(draft: Input<typeof createProfile>): Promise<Profile> {
    // Legacy keeps the placeholder as a key, and shows nobody's key if there is none.
    const key = draft.public_key || (this.database.isLegacy ? placeholderKey(draft.username) : undefined);
    const keys = key ? (withActiveKey([], key, draft.created_at) ?? []) : [];
    await this.store.insertOnce({ ...draft, public_keys: keys }).catch((error: unknown) => {
      if (sqlState(error) === '23503') throw UserNotFound(); // where both live in one row, it has gone meanwhile
      throw error;
    });
    return this.getProfile(draft.user_id);
  }

  async getProfile(userId: string): Promise<Profile> {
    return toProfile(await this.get(userId));
  }

  async getProfiles(userIds: readonly string[]) {
    return { profiles: (await this.store.findMany(userIds)).map(toProfile) };
  }

  async getCard(viewerId: string, userId: string) {
    const { id, email, username, full_name, public_key, is_active } = toProfile(await this.getFor(viewerId, userId));
    return { id, email, username, full_name, public_key, is_active };
  }

  async getPublicProfile(viewerId: string, userId: string) {
    const { id, username, full_name, avatar_url, bio } = await this.getFor(viewerId, userId);
    return { id, username, full_name, avatar_url, bio };
  }

  async listKeys(viewerId: string, userId: string): Promise<KeyRecord[]> {
    return (await this.getFor(viewerId, userId)).public_keys.map(toKeyRecord);
  }

  /** What is written here is what others remember: they are told. */
  async update(userId: string, changes: Input<typeof updateProfile>): Promise<Profile> {
    await this.database.transaction(async (tx) => {
      const before = await this.store.lockDescription(tx, userId);
      if (!before) throw UserNotFound();
      const after = {
        full_name: changed(changes.full_name, before.full_name),
        bio: changed(changes.bio, before.bio),
        avatar_url: changed(changes.avatar_url, before.avatar_url),
      };
      if (after.full_name === before.full_name && after.bio === before.bio && after.avatar_url === before.avatar_url) return;
      await this.store.updateDescription(tx, userId, after);
      await this.outbox.add(tx, userChanged, { user_id: userId });
    });
    return this.getProfile(userId);
  }

  async search(viewerId: string, text: string): Promise<FoundUser[]> {
    const part = text.trim();
    return part === '' ? [] : (await this.store.search(viewerId, part, SEARCH_LIMIT)).map(toFound);
  }

  async getByEmail(viewerId: string, email: string): Promise<FoundUser> {
    const row = await this.store.findByEmail(viewerId, normaliseEmail(email) ?? email.trim());
    if (!row) throw UserNotFound();
    return toFound(row);
  }

  async setPublicKey(userId: string, publicKey: string | null | undefined) {
    if (!publicKey) throw PublicKeyRequired();
    await this.database.transaction(async (tx) => {
      const locked = await this.store.lockKeys(tx, userId);
      if (!locked) throw UserNotFound();
      const keys = withActiveKey(locked.public_keys, publicKey, locked.now);
      if (!keys) return;
      await this.store.updateKeys(tx, userId, keys);
      await this.outbox.add(tx, userChanged, { user_id: userId });
    });
    return { success: true as const, public_key: publicKey };
  }

  async canMessage(pair: Pair) {
    return { allowed: await this.looking.add(pair) };
  }

  copyRole(userId: string, role: string): Promise<void> {
    return this.store.copyRole(userId, role);
  }

  /** What begins meanwhile either is there before and goes too, or finds nobody: it holds the profiles of both (`holdProfiles`). */
  async purge(userId: string) {
    await this.database.transaction(async (tx) => {
      await this.store.lockExistence(tx, userId);
      const email = await this.purges.lock(tx, userId);
      if (email !== undefined) await this.purges.removeAddress(tx, email);
      await this.purges.removeAll(tx, userId);
    });
    return {};
  }

  private async getFor(viewerId: string, userId: string): Promise<ProfileRow> {
    const row = await this.store.findFor(viewerId, userId);
    if (!row) throw UserNotFound();
    return row;
  }

  private async get(userId: string): Promise<ProfileRow> {
    const row = await this.finding.add(userId);
    if (!row) throw UserNotFound();
    return row;
  }
}

/** What is not named stays; an empty text is none. */
function changed(to: string | null | undefined, before: string | null): string | null {
  return to === undefined ? before : to || null;
}

/** Legacy's instants have no zone, and are UTC; an old migration has left texts that are none. */
function toKeyRecord({ key_id, algorithm, key_data, created_at, status }: Partial<KeyEntry> & Pick<KeyEntry, 'key_data'>): KeyRecord {
  const instant = /^(\d{4}-\d\d-\d\dT[\d:.]{5,15}?)(?:Z|\+00:?00)?$/.exec(created_at ?? '')?.[1];
  return {
    key_id: typeof key_id === 'string' ? key_id : null,
    algorithm: typeof algorithm === 'string' ? algorithm : null,
    key_data,
    created_at: instant ? `${instant}Z` : null,
    status: status === 'active' ? 'active' : 'inactive',
  };
}

function toProfile({ encrypted_private_key: _secret, public_keys, ...row }: ProfileRow): Profile {
  return { ...row, public_key: currentKey(public_keys) ?? placeholderKey(row.username) };
}

function toFound(row: FoundRow): FoundUser {
  return { ...row, avatar_url: null, bio: null, is_verified: false, created_at: null, public_key: null, role: 'user' };
}
