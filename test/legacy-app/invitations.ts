import { randomBytes, randomUUID } from 'node:crypto';
import { naiveNow, nowMicros, withOffset } from './clock';
import { addContact, isContact } from './contacts';
import { HttpError } from './http';
import { email, model, text, uuid } from './kinds';
import type { Legacy } from './legacy';
import type { Router } from './router';
import { findUser, findUserByEmail } from './users-table';

const SEVEN_DAYS = 7 * 86_400_000_000;

interface Invitation {
  readonly id: string;
  readonly inviter_id: string;
  readonly invitee_email: string;
  readonly invitation_token: string;
  readonly is_accepted: boolean | null;
  readonly expires_at: string;
}

/** No route here reads a token. */
export function invitationRoutes(router: Router, { db, sockets, mails, settings }: Legacy): void {
  const path = (rest: string) => `/api/v1/invitations${rest}`;

  router.on('POST', path('/send'), { body: model({ inviter_email: email, invitee_email: email }) }, async ({ body }) => {
    const { inviter_email, invitee_email } = body;
    try {
      const inviter = await findUserByEmail(db, inviter_email);
      if (!inviter) throw new HttpError(404, 'Inviter not found');
      const invitee = await findUserByEmail(db, invitee_email);
      if (invitee && (await isContact(db, inviter.id, invitee.id))) {
        throw new HttpError(400, 'User already registered and is already your contact.');
      }
      const { id, invitation_token } = (await findOpen(inviter.id, invitee_email)) ?? (await create(inviter.id, invitee_email));
      const link = `${settings.frontendUrl}/accept-invitation/${invitation_token}`;
      const html = `<p>${inviter.username} invited you to QuantChat.</p><p><a href="${link}">Accept the invitation</a></p>`;
      mails.push({ to: invitee_email, subject: `${inviter.username} invited you to QuantChat`, html });
      return { status: 'success', message: `Invitation sent to ${invitee_email}`, invitation_id: id };
    } catch (error) {
      if (error instanceof HttpError && error.status === 400) throw error;
      throw new HttpError(500, `Failed to send invitation: ${(error as Error).message}`); // its own 404 as well
    }
  });

  router.on('GET', path('/verify/{token}'), { path: { token: text() } }, async ({ path: { token } }) => {
    const invitation = await find(token);
    if (!invitation) throw new HttpError(404, 'Invalid invitation');
    if (invitation.is_accepted && !(await isWantedAgain(invitation))) throw new HttpError(400, 'Invitation already accepted');
    if (isExpired(invitation)) throw new HttpError(400, 'Invitation expired');
    const inviter = (await findUser(db, invitation.inviter_id))!;
    const { invitee_email } = invitation;
    return { inviter_id: inviter.id, inviter_name: inviter.username, inviter_avatar: inviter.avatar_url, invitee_email };
  });

  /** By whomever for whomever, as often as one likes. */
  router.on('POST', path('/accept'), { body: model({ token: text(), new_user_id: uuid }) }, async ({ body }) => {
    const invitation = await find(body.token);
    if (!invitation) throw new HttpError(400, 'Invalid invitation token');
    if (isExpired(invitation)) throw new HttpError(400, 'Invitation expired');
    const inviter = (await findUser(db, invitation.inviter_id))!;
    const user = (await findUser(db, body.new_user_id))!; // an unknown one fails below
    await db.transaction(async (tx) => {
      if (!(await isContact(tx, inviter.id, user.id))) await addContact(tx, inviter.id, user.id);
      if (!(await isContact(tx, user.id, inviter.id))) await addContact(tx, user.id, inviter.id);
      await tx.query('UPDATE invitations SET is_accepted = true, accepted_at = $2::timestamptz WHERE id = $1', [
        invitation.id,
        withOffset(nowMicros()),
      ]);
    });
    const contact = { contact_id: user.id, user_id: user.id, username: user.username, email: user.email };
    const full_name = user.full_name || user.username;
    sockets.send(inviter.id, { type: 'contact_added', ...contact, full_name, is_online: false, timestamp: naiveNow() });
    const message = 'Invitation accepted and contact added';
    return { status: 'success', message, inviter_id: inviter.id, inviter_name: inviter.username };
  });

  async function find(token: string): Promise<Invitation | undefined> {
    const [invitation] = await db.query<Invitation>('SELECT * FROM invitations WHERE invitation_token = $1', [token]);
    return invitation;
  }

  async function findOpen(inviterId: string, inviteeEmail: string): Promise<Invitation | undefined> {
    const [invitation] = await db.query<Invitation>(
      `SELECT * FROM invitations WHERE inviter_id = $1 AND invitee_email = $2 AND is_accepted IS NOT TRUE AND expires_at > $3::timestamptz::timestamp
       ORDER BY created_at DESC LIMIT 1`,
      [inviterId, inviteeEmail, withOffset(nowMicros())],
    );
    return invitation;
  }

  async function create(inviterId: string, inviteeEmail: string): Promise<Invitation> {
    const token = randomBytes(32).toString('base64url');
    const now = nowMicros();
    const [invitation] = await db.query<Invitation>(
      `INSERT INTO invitations (id, inviter_id, invitee_email, invitation_token, is_accepted, created_at, expires_at)
       VALUES ($1, $2, $3, $4, false, $5::timestamptz, $6::timestamptz) RETURNING *`,
      [randomUUID(), inviterId, inviteeEmail, token, withOffset(now), withOffset(now + SEVEN_DAYS)],
    );
    return invitation!;
  }

  /** The contact has been removed since, so the same invitation serves once more. */
  async function isWantedAgain({ inviter_id, invitee_email }: Invitation): Promise<boolean> {
    const invitee = await findUserByEmail(db, invitee_email);
    return invitee !== undefined && !(await isContact(db, inviter_id, invitee.id));
  }
}

const isExpired = ({ expires_at }: Invitation): boolean => expires_at < naiveNow();
