import type { Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';

/** All rows of this domain that are about a user. Can be repeated. */
@Injectable()
export class PurgeStore {
  /** @returns his address, if he still had a profile */
  async lock(tx: Transaction, userId: string): Promise<string | undefined> {
    await tx.query(sql`INSERT INTO banyan_user.purged_users (user_id) VALUES (${userId}) ON CONFLICT DO NOTHING`);
    const [row] = await tx.query<{ email: string }>(sql`SELECT email FROM banyan_user.user_profiles WHERE id = ${userId} FOR UPDATE`);
    return row?.email;
  }

  async removeAll(tx: Transaction, userId: string): Promise<void> {
    const statements = [
      sql`DELETE FROM banyan_user.contacts WHERE user_id = ${userId}`,
      sql`DELETE FROM banyan_user.contacts WHERE contact_id = ${userId}`,
      sql`DELETE FROM banyan_user.blocks WHERE blocker_id = ${userId} OR blocked_id = ${userId}`,
      sql`DELETE FROM banyan_user.invitations WHERE inviter_id = ${userId}`,
      sql`DELETE FROM banyan_user.invitation_sendings WHERE inviter_id = ${userId}`,
      sql`DELETE FROM banyan_user.invitation_acceptances WHERE user_id = ${userId}`,
      sql`DELETE FROM banyan_user.key_backups WHERE user_id = ${userId}`,
      sql`DELETE FROM banyan_user.request_keys WHERE user_id = ${userId}`,
      sql`DELETE FROM banyan_user.user_profiles WHERE id = ${userId}`,
    ];
    for (const statement of statements) await tx.query(statement);
  }

  /** Invitations to his address are about him, whoever sent them; whoever has the address next begins anew. */
  async removeAddress(tx: Transaction, email: string): Promise<void> {
    await tx.query(sql`DELETE FROM banyan_user.invitations WHERE invitee_email = ${email}`);
    await tx.query(sql`DELETE FROM banyan_user.invitation_sendings WHERE invitee_email = ${email}`);
  }
}
