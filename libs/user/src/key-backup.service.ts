import { createHash } from 'node:crypto';
import { Database } from '@banyan/platform/database/database';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { type KeyBackup, KeyBackupNotFound, UserNotFound } from './contract';
import { type KeyBackupRow, KeyBackupStore } from './key-backup.store';
import { UserStore } from './user.store';

/** Encrypted private keys, opaque to the server. A replaced one is kept: what was encrypted to its key can be read with it only. */
@Injectable()
export class KeyBackupService {
  constructor(
    private readonly store: KeyBackupStore,
    private readonly users: UserStore,
    private readonly database: Database,
  ) {}

  async get(userId: string) {
    const encrypted_private_key = await this.current(userId);
    return { has_backup: encrypted_private_key !== null, encrypted_private_key };
  }

  async replace(userId: string, encryptedPrivateKey: string) {
    await this.database.transaction(async (tx) => {
      const profile = await this.users.lockBackup(tx, userId);
      if (!profile) throw UserNotFound();
      const { encrypted_private_key: before, public_keys } = profile;
      const keep = async (text: string, public_key: string | null) => {
        const digest = digestOf(text);
        if (await this.store.has(tx, userId, digest)) return;
        await this.store.insert(tx, userId, { id: uuidv7(), public_key, encrypted_private_key: text, digest });
      };
      // The monolith, or an older version, may have stored the one before; whose key it belongs to nobody knows.
      if (before !== null) await keep(before, null);
      await keep(encryptedPrivateKey, public_keys.find(({ status }) => status === 'active')?.key_data ?? null);
      await this.store.trim(tx, userId);
      if (before !== encryptedPrivateKey) await this.users.updateKeyBackup(tx, userId, encryptedPrivateKey);
    });
    return { success: true as const };
  }

  async list(userId: string): Promise<KeyBackup[]> {
    const isCurrent = await this.currentDigest(userId);
    return (await this.store.list(userId)).map((row) => toBackup(row, isCurrent));
  }

  async getOld(userId: string, id: string) {
    const isCurrent = await this.currentDigest(userId);
    const row = await this.store.find(userId, id);
    if (!row) throw KeyBackupNotFound();
    return { ...toBackup(row, isCurrent), encrypted_private_key: row.encrypted_private_key };
  }

  private async currentDigest(userId: string): Promise<string | undefined> {
    const text = await this.current(userId);
    return text === null ? undefined : digestOf(text);
  }

  private async current(userId: string): Promise<string | null> {
    const profile = await this.users.find(userId);
    if (!profile) throw UserNotFound();
    return profile.encrypted_private_key;
  }
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url');

const toBackup = ({ id, stored_at, public_key, digest }: KeyBackupRow, current: string | undefined): KeyBackup => ({
  id,
  stored_at,
  public_key,
  is_current: digest === current,
});
