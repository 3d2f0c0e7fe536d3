import type { Input } from '@banyan/platform/contract';
import { Coalescer } from '@banyan/platform/database/coalesce';
import { Database } from '@banyan/platform/database/database';
import { currentContext } from '@banyan/platform/dispatch/context';
import { Outbox } from '@banyan/platform/events/outbox';
import { Injectable } from '@nestjs/common';
import { type createProfile, type FoundUser, type Profile, PublicKeyRequired, userChanged, UserNotFound } from './contract';
import { currentKey, placeholderKey, withActiveKey } from './keys';
import { type FoundRow, type ProfileRow, UserStore } from './user.store';

const SEARCH_LIMIT = 10;

@Injectable()
export class UserService {
  /** Asked before every message: whoever asks at the same moment shares a statement. */
  private readonly looking = new Coalescer<string, boolean>((ids, bounds) => this.store.exist(ids, bounds), {
    deadlineOf: () => currentContext()?.deadline,
  });

  constructor(
    private readonly store: UserStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /** Called at registration and again by its event; the second one finds the profile and leaves it. */
  async createProfile(draft: Input<typeof createProfile>): Promise<Profile> {
    const keys = draft.public_key ? (withActiveKey([], draft.public_key, draft.created_at) ?? []) : [];
    await this.store.insertOnce({ ...draft, public_keys: keys });
    return this.getProfile(draft.user_id);
  }

  async getProfile(userId: string): Promise<Profile> {
    return toProfile(await this.get(userId));
  }

  async getPublicProfile(userId: string) {
    const { id, email, username, full_name, public_key, is_active } = await this.getProfile(userId);
    return { id, email, username, full_name, public_key, is_active };
  }

  async search(text: string): Promise<FoundUser[]> {
    const part = text.trim();
    return part === '' ? [] : (await this.store.search(part, SEARCH_LIMIT)).map(toFound);
  }

  async getByEmail(email: string): Promise<FoundUser> {
    const row = await this.store.findByEmail(email.trim());
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

  async getKeyBackup(userId: string) {
    const { encrypted_private_key } = await this.get(userId);
    return { has_backup: encrypted_private_key !== null, encrypted_private_key };
  }

  async storeKeyBackup(userId: string, encryptedPrivateKey: string) {
    if (!(await this.store.updateKeyBackup(userId, encryptedPrivateKey))) throw UserNotFound();
    return { success: true as const };
  }

  async canMessage(_from: string, to: string) {
    return { allowed: await this.looking.add(to) };
  }

  private async get(userId: string): Promise<ProfileRow> {
    const row = await this.store.find(userId);
    if (!row) throw UserNotFound();
    return row;
  }
}

function toProfile({ encrypted_private_key: _secret, public_keys, ...row }: ProfileRow): Profile {
  return { ...row, public_key: currentKey(public_keys) ?? placeholderKey(row.username) };
}

function toFound(row: FoundRow): FoundUser {
  return { ...row, avatar_url: null, bio: null, is_verified: false, created_at: null, public_key: null, role: 'user' };
}
