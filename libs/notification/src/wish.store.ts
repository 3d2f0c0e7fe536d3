import { randomBytes } from 'node:crypto';
import { Database, type Queryable, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import type { Kind } from './contract';

/** Who wants which mails. A subject is `user:<id>` or `address:<keyed hash>`; who has said nothing wants all. */
@Injectable()
export class WishStore {
  private key: Promise<string> | undefined;

  constructor(private readonly database: Database) {}

  async unwanted(subjects: readonly string[]): Promise<{ subject: string; kind: Kind }[]> {
    return this.database.query(sql`
      SELECT subject, kind FROM banyan_notification.preferences WHERE subject = ANY (${subjects}) AND NOT is_on`);
  }

  async isWanted(subject: string, kind: Kind): Promise<boolean> {
    const rows = await this.database.query(sql`
      SELECT kind FROM banyan_notification.preferences WHERE subject = ${subject} AND kind = ${kind} AND NOT is_on`);
    return rows.length === 0;
  }

  async set(subject: string, kind: Kind, isOn: boolean): Promise<void> {
    await this.database.query(sql`
      INSERT INTO banyan_notification.preferences (subject, kind, is_on) VALUES (${subject}, ${kind}, ${isOn})
      ON CONFLICT (subject, kind) DO UPDATE SET is_on = excluded.is_on, changed_at = clock_timestamp()`);
  }

  async forget(tx: Transaction, subject: string): Promise<void> {
    await tx.query(sql`DELETE FROM banyan_notification.preferences WHERE subject = ${subject}`);
  }

  /** Signs unsubscribe links, which are good for as long as this database: no other secret's rotation breaks those in old mails. */
  signingKey(): Promise<string> {
    this.key ??= this.readOrMakeKey(this.database).catch((error: unknown) => {
      this.key = undefined;
      throw error;
    });
    return this.key;
  }

  private async readOrMakeKey(database: Queryable): Promise<string> {
    await database.query(sql`
      INSERT INTO banyan_notification.signing_keys (purpose, key) VALUES ('unsubscribe', ${randomBytes(32).toString('base64url')})
      ON CONFLICT DO NOTHING`);
    const [row] = await database.query<{ key: string }>(
      sql`SELECT key FROM banyan_notification.signing_keys WHERE purpose = 'unsubscribe'`,
    );
    return row!.key;
  }
}
