import { Database, type Queryable, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import type { Part } from './contact.store';

export interface InvitationRow {
  readonly id: string;
  readonly inviter_id: string;
  readonly invitee_email: string;
  readonly invitation_token: string;
  readonly is_accepted: boolean;
  readonly accepted_at: string | null;
  readonly created_at: string;
  readonly expires_at: string;
  /** By the database's clock. */
  readonly is_expired: boolean;
}

/** What whoever has the address knows of the inviter, and he of him. */
export interface Invitee {
  readonly is_contact: boolean;
  readonly has_blocked: boolean;
}

const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const LIFE_DAYS = 7;
/** How long it is remembered what was sent; longer than an invitation lives. */
const SENDINGS_DAYS = 30;

@Injectable()
export class InvitationStore {
  constructor(private readonly database: Database) {}

  /** One sending of a user after the other: of two at once for one address the second finds the first's invitation. @returns his address */
  async lockInviter(tx: Transaction, userId: string): Promise<string | undefined> {
    await tx.query(sql`SELECT id FROM banyan_user.user_profiles WHERE id = ${userId} FOR NO KEY UPDATE`);
    // Looked at again: he may have been removed while this waited.
    const [row] = await tx.query<{ email: string }>(sql`SELECT email FROM banyan_user.user_profiles WHERE id = ${userId}`);
    return row?.email;
  }

  /** Accounts are told apart by how an address is spelled, mailboxes are not: a block holds for every spelling. */
  async findInvitee(tx: Transaction, inviterId: string, email: string): Promise<Invitee> {
    const [row] = await tx.query<Invitee>(sql`
      SELECT coalesce(bool_or(p.email = ${email} AND EXISTS (
               SELECT FROM banyan_user.contacts c WHERE c.user_id = ${inviterId} AND c.contact_id = p.id)), false) AS is_contact,
             coalesce(bool_or(EXISTS (
               SELECT FROM banyan_user.blocks b WHERE b.blocker_id = p.id AND b.blocked_id = ${inviterId})), false) AS has_blocked
      FROM banyan_user.user_profiles p WHERE lower(p.email) = lower(${email})`);
    return row!;
  }

  async findOpen(tx: Transaction, inviterId: string, email: string): Promise<InvitationRow | undefined> {
    const [row] = await tx.query<InvitationRow>(sql`
      SELECT id, inviter_id, invitee_email, invitation_token, is_accepted, accepted_at, created_at, expires_at, false AS is_expired
      FROM banyan_user.invitations
      WHERE inviter_id = ${inviterId} AND invitee_email = ${email} AND NOT is_accepted AND expires_at > clock_timestamp()
      ORDER BY created_at DESC, id LIMIT 1`);
    return row;
  }

  async insert(tx: Transaction, draft: { id: string; inviter_id: string; invitee_email: string; invitation_token: string }): Promise<void> {
    const rows = await tx.query(sql`
      INSERT INTO banyan_user.invitations (id, inviter_id, invitee_email, invitation_token, expires_at)
      VALUES (${draft.id}, ${draft.inviter_id}, ${draft.invitee_email}, ${draft.invitation_token},
              clock_timestamp() + ${LIFE_DAYS} * interval '1 day')
      ON CONFLICT DO NOTHING RETURNING id`);
    if (rows.length === 0) throw new Error('an invitation with this id or token is there already');
  }

  async updateToken(tx: Transaction, id: string, token: string): Promise<void> {
    await tx.query(sql`UPDATE banyan_user.invitations SET invitation_token = ${token} WHERE id = ${id}`);
  }

  /** Of the last day: by this user, and by him to this address, however it is spelled. */
  async countSendings(tx: Transaction, inviterId: string, email: string): Promise<{ all: number; toAddress: number }> {
    const [row] = await tx.query<{ all: number; to_address: number }>(sql`
      SELECT count(*)::int AS all, count(*) FILTER (WHERE lower(invitee_email) = lower(${email}))::int AS to_address
      FROM banyan_user.invitation_sendings WHERE inviter_id = ${inviterId} AND sent_at > clock_timestamp() - interval '1 day'`);
    return { all: row!.all, toAddress: row!.to_address };
  }

  /** The caller holds the lock of the inviter. @returns its number, from 1 on */
  async addSending(tx: Transaction, sending: { invitation_id: string; inviter_id: string; invitee_email: string }): Promise<number> {
    await tx.query(sql`
      DELETE FROM banyan_user.invitation_sendings
      WHERE inviter_id = ${sending.inviter_id} AND sent_at < clock_timestamp() - ${SENDINGS_DAYS} * interval '1 day'`);
    const [row] = await tx.query<{ sending: number }>(sql`
      INSERT INTO banyan_user.invitation_sendings (invitation_id, sending, inviter_id, invitee_email)
      SELECT ${sending.invitation_id}::uuid, COALESCE(max(sending), 0) + 1, ${sending.inviter_id}::uuid, ${sending.invitee_email}
      FROM banyan_user.invitation_sendings WHERE invitation_id = ${sending.invitation_id}
      RETURNING sending`);
    return row!.sending;
  }

  /** @param forms what `invitation_token` may be for the token in question */
  async findByToken(forms: readonly string[]): Promise<InvitationRow | undefined> {
    const [row] = await this.database.query<InvitationRow>(sql`
      SELECT id, inviter_id, invitee_email, invitation_token, is_accepted, accepted_at, created_at, expires_at,
             expires_at <= clock_timestamp() AS is_expired
      FROM banyan_user.invitations WHERE invitation_token = ANY (${forms}::text[])`);
    return row;
  }

  async find(id: string, database: Queryable = this.database): Promise<InvitationRow | undefined> {
    const [row] = await database.query<InvitationRow>(sql`
      SELECT id, inviter_id, invitee_email, invitation_token, is_accepted, accepted_at, created_at, expires_at,
             expires_at <= clock_timestamp() AS is_expired
      FROM banyan_user.invitations WHERE id = ${id}`);
    return row;
  }

  /** Of two who accept at once the second sees what the first has done. */
  async lock(tx: Transaction, id: string): Promise<boolean> {
    const rows = await tx.query(sql`SELECT id FROM banyan_user.invitations WHERE id = ${id} FOR UPDATE`);
    return rows.length > 0;
  }

  async markAccepted(tx: Transaction, id: string, userId: string): Promise<void> {
    await tx.query(sql`
      UPDATE banyan_user.invitations SET is_accepted = true, accepted_at = clock_timestamp() WHERE id = ${id} AND NOT is_accepted`);
    await tx.query(sql`
      INSERT INTO banyan_user.invitation_acceptances (invitation_id, user_id) VALUES (${id}, ${userId}) ON CONFLICT DO NOTHING`);
  }

  /** Who has accepted it; of one that legacy has accepted, whoever has the invited address now. */
  async findAcceptor(id: string, email: string, database: Queryable = this.database): Promise<string | undefined> {
    const [row] = await database.query<{ user_id: string | null }>(sql`
      SELECT COALESCE((SELECT user_id FROM banyan_user.invitation_acceptances WHERE invitation_id = ${id}),
                      (SELECT id FROM banyan_user.user_profiles WHERE email = ${email})) AS user_id`);
    return row?.user_id ?? undefined;
  }

  async hasContact(userId: string, contactId: string): Promise<boolean> {
    const rows = await this.database.query(sql`SELECT FROM banyan_user.contacts WHERE user_id = ${userId} AND contact_id = ${contactId}`);
    return rows.length > 0;
  }

  list(inviterId: string, { limit, after }: Part): Promise<InvitationRow[]> {
    return this.database.query<InvitationRow>(sql`
      SELECT id, inviter_id, invitee_email, invitation_token, is_accepted, accepted_at, created_at, expires_at,
             expires_at <= clock_timestamp() AS is_expired
      FROM banyan_user.invitations WHERE inviter_id = ${inviterId} AND id > ${after ?? FIRST_ID} ORDER BY id LIMIT ${limit}`);
  }

  async remove(tx: Transaction, inviterId: string, id: string): Promise<boolean> {
    const rows = await tx.query(sql`DELETE FROM banyan_user.invitations WHERE id = ${id} AND inviter_id = ${inviterId} RETURNING id`);
    if (rows.length > 0) await tx.query(sql`DELETE FROM banyan_user.invitation_acceptances WHERE invitation_id = ${id}`);
    return rows.length > 0;
  }
}
