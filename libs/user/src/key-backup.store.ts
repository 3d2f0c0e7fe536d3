import { Database, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';

export interface KeyBackupRow {
  readonly id: string;
  readonly public_key: string | null;
  readonly digest: string;
  readonly stored_at: string;
}

/** Of each public key the first backup and so many of the newest; of all of them so many. */
const KEPT_OF_A_KEY = 9;
const KEPT_IN_ALL = 200;

/** Backups of private keys that were stored here, the current one among them. */
@Injectable()
export class KeyBackupStore {
  constructor(private readonly database: Database) {}

  list(userId: string): Promise<KeyBackupRow[]> {
    return this.database.query<KeyBackupRow>(sql`
      SELECT id, public_key, digest, stored_at FROM banyan_user.key_backups WHERE user_id = ${userId} ORDER BY stored_at DESC, id DESC`);
  }

  async find(userId: string, id: string): Promise<(KeyBackupRow & { readonly encrypted_private_key: string }) | undefined> {
    const [row] = await this.database.query<KeyBackupRow & { encrypted_private_key: string }>(sql`
      SELECT id, public_key, digest, stored_at, encrypted_private_key FROM banyan_user.key_backups WHERE user_id = ${userId} AND id = ${id}`);
    return row;
  }

  async has(tx: Transaction, userId: string, digest: string): Promise<boolean> {
    const rows = await tx.query(sql`SELECT FROM banyan_user.key_backups WHERE user_id = ${userId} AND digest = ${digest} LIMIT 1`);
    return rows.length > 0;
  }

  /** The caller holds the lock of the profile. */
  async insert(
    tx: Transaction,
    userId: string,
    backup: { id: string; public_key: string | null; encrypted_private_key: string; digest: string },
  ): Promise<void> {
    await tx.query(sql`
      INSERT INTO banyan_user.key_backups (id, user_id, public_key, encrypted_private_key, digest)
      VALUES (${backup.id}, ${userId}, ${backup.public_key}, ${backup.encrypted_private_key}, ${backup.digest})`);
  }

  /** Clients store a backup at every sign-in: what is kept is bounded, and what many of them cannot push out is the first of each key. */
  async trim(tx: Transaction, userId: string): Promise<void> {
    await tx.query(sql`
      DELETE FROM banyan_user.key_backups WHERE id IN (
        SELECT id FROM (
          SELECT id, row_number() OVER (PARTITION BY public_key ORDER BY stored_at, id) AS oldest,
                 row_number() OVER (PARTITION BY public_key ORDER BY stored_at DESC, id DESC) AS newest,
                 row_number() OVER (ORDER BY stored_at DESC, id DESC) AS of_all
          FROM banyan_user.key_backups WHERE user_id = ${userId}) AS ranked
        WHERE (oldest > 1 AND newest > ${KEPT_OF_A_KEY}) OR of_all > ${KEPT_IN_ALL})`);
  }
}
