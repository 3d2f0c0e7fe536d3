import { type Actor, type CallContext, type Input, normaliseEmail } from '@banyan/platform/contract';
import type { Settings } from '@banyan/platform/config/table';
import { Database, type Transaction } from '@banyan/platform/database/database';
import { once } from '@banyan/platform/database/request-keys';
import { Outbox } from '@banyan/platform/events/outbox';
import { SETTINGS } from '@banyan/platform/nest/inject';
import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { BlockStore } from './block.store';
import { ContactService, KEY_LIFE_MS, partOf } from './contact.service';
import {
  type acceptInvitation,
  AlreadyYourContact,
  type Invitation,
  InvalidInvitation,
  InvalidInvitationToken,
  invitationAccepted,
  InvitationAccepted,
  InvitationExpired,
  InvitationNotFound,
  invitationSent,
  NoInvitation,
  NotTheInvitee,
  NotYourAddress,
  type Page,
  type sendInvitation,
  TooManyInvitations,
  UserNotFound,
} from './contract';
import { type InvitationRow, InvitationStore } from './invitation.store';
import { InvitationTokens } from './invitation-tokens';
import { UserStore } from './user.store';

/** Mails a day, in all and to one address: nobody's server is a way to send mail to strangers. */
const DAILY_SENDINGS = 50;
const DAILY_SENDINGS_TO_ONE = 5;

type Caller = Pick<CallContext, 'actor' | 'key'>;

@Injectable()
export class InvitationService {
  private readonly frontend: string;

  constructor(
    private readonly store: InvitationStore,
    private readonly users: UserStore,
    private readonly blocks: BlockStore,
    private readonly contacts: ContactService,
    private readonly tokens: InvitationTokens,
    private readonly database: Database,
    private readonly outbox: Outbox,
    @Inject(SETTINGS) { FRONTEND_URL, PUBLIC_URL }: Settings,
  ) {
    this.frontend = FRONTEND_URL ?? PUBLIC_URL;
  }

  send(draft: Input<typeof sendInvitation>, { actor: { userId }, key }: Caller) {
    const { inviter_email, invitee_email } = draft;
    const request = { userId, key, operation: 'user.sendInvitation', body: draft, ttlMs: KEY_LIFE_MS };
    return this.database.transaction((tx) =>
      once(tx, request, async () => {
        const email = await this.store.lockInviter(tx, userId);
        if (email === undefined) throw UserNotFound();
        if (!isSameAddress(email, inviter_email)) throw NotYourAddress();
        const invitee = await this.store.findInvitee(tx, userId, invitee_email);
        if (invitee.is_contact && !invitee.has_blocked) throw AlreadyYourContact();
        const sent = await this.store.countSendings(tx, userId, invitee_email);
        if (sent.all >= DAILY_SENDINGS || sent.toAddress >= DAILY_SENDINGS_TO_ONE) throw TooManyInvitations();
        const invitation_id = await this.findOrMake(tx, userId, invitee_email);
        const sending = await this.store.addSending(tx, { invitation_id, inviter_id: userId, invitee_email });
        // Whoever has blocked the inviter gets no mail of his, and looks like somebody who has no account.
        if (!invitee.has_blocked)
          await this.outbox.add(tx, invitationSent, { invitation_id, inviter_id: userId, sending }, { key: invitation_id });
        return { status: 'success' as const, message: `Invitation sent to ${invitee_email}`, invitation_id };
      }),
    );
  }

  private async findOrMake(tx: Transaction, inviter_id: string, invitee_email: string): Promise<string> {
    const open = await this.store.findOpen(tx, inviter_id, invitee_email);
    const id = open?.id ?? uuidv7();
    const token = this.tokens.kept(id, this.database);
    if (!open) await this.store.insert(tx, { id, inviter_id, invitee_email, invitation_token: token });
    else if (this.tokens.reveal(id, open.invitation_token) === undefined) await this.store.updateToken(tx, id, token); // another secret since
    return id;
  }

  async verify(token: string) {
    const invitation = await this.store.findByToken(InvitationTokens.forms(token));
    const inviter = invitation && (await this.users.find(invitation.inviter_id));
    if (!inviter) throw InvalidInvitation();
    if (invitation.is_accepted && !(await this.isWantedAgain(invitation))) throw InvitationAccepted();
    if (invitation.is_expired) throw InvitationExpired();
    const { id, username, avatar_url } = inviter;
    return { inviter_id: id, inviter_name: username, inviter_avatar: avatar_url, invitee_email: invitation.invitee_email };
  }

  /** The inviter has lost the contact since: the invitation serves once more, for the same user. */
  private async isWantedAgain({ id, inviter_id, invitee_email }: InvitationRow): Promise<boolean> {
    const acceptor = await this.store.findAcceptor(id, invitee_email);
    return acceptor !== undefined && !(await this.store.hasContact(inviter_id, acceptor));
  }

  async accept({ token, new_user_id }: Input<typeof acceptInvitation>, actor: Actor) {
    if (actor.kind === 'user' && actor.userId !== new_user_id) throw NotTheInvitee();
    const found = await this.store.findByToken(InvitationTokens.forms(token));
    if (!found) throw InvalidInvitationToken();
    const { inviter_id, invitee_email } = found;
    return this.database.transaction(async (tx) => {
      const invitation = (await this.store.lock(tx, found.id)) ? await this.store.find(found.id, tx) : undefined;
      if (!invitation) throw InvalidInvitationToken();
      if (invitation.is_expired) throw InvitationExpired();
      const [held, inviter, user] = [
        await this.users.holdProfiles(tx, [inviter_id, new_user_id]),
        await this.users.find(inviter_id, tx),
        await this.users.find(new_user_id, tx),
      ];
      if (!inviter || !held.has(inviter_id)) throw InvalidInvitationToken();
      // Without a sign-in the token is all the proof there is: it serves for the invited address only, and tells nobody who else is there.
      if (actor.kind !== 'user' && !(user && isSameAddress(user.email, invitee_email))) throw NotTheInvitee();
      if (!user || !held.has(new_user_id)) throw UserNotFound();
      if (invitation.is_accepted && (await this.store.findAcceptor(found.id, invitee_email, tx)) !== new_user_id)
        throw InvitationAccepted();
      await this.connect(tx, inviter_id, new_user_id);
      await this.store.markAccepted(tx, found.id, new_user_id);
      if (!invitation.is_accepted) {
        const accepted = { invitation_id: found.id, inviter_id, user_id: new_user_id };
        await this.outbox.add(tx, invitationAccepted, accepted, { key: found.id });
      }
      const message = 'Invitation accepted and contact added' as const;
      return { status: 'success' as const, message, inviter_id, inviter_name: inviter.username };
    });
  }

  /** Each gets the other into his list, unless he has blocked him. */
  private async connect(tx: Transaction, inviterId: string, userId: string): Promise<void> {
    const entries = [
      { user_id: inviterId, contact_id: userId },
      { user_id: userId, contact_id: inviterId },
    ];
    for (const entry of entries.sort((a, b) => (a.user_id < b.user_id ? -1 : 1)))
      if (!(await this.blocks.has(tx, entry.user_id, entry.contact_id))) await this.contacts.put(tx, { ...entry, by: userId });
  }

  async list(userId: string, asked: Page): Promise<Invitation[]> {
    return (await this.store.list(userId, partOf(asked))).map(toInvitation);
  }

  revoke(id: string, { actor: { userId }, key }: Caller) {
    const request = { userId, key, operation: 'user.revokeInvitation', body: id, ttlMs: KEY_LIFE_MS };
    return this.database.transaction((tx) =>
      once(tx, request, async () => {
        if (!(await this.store.remove(tx, userId, id))) throw InvitationNotFound();
        return { status: 'Invitation revoked' as const };
      }),
    );
  }

  async getMail(id: string) {
    const invitation = await this.store.find(id);
    const inviter = invitation && (await this.users.find(invitation.inviter_id));
    const token = invitation && this.tokens.reveal(id, invitation.invitation_token);
    if (!inviter || token === undefined || invitation.is_accepted || invitation.is_expired) throw NoInvitation();
    const { inviter_id, invitee_email: to, expires_at } = invitation;
    const invitee = await this.database.transaction((tx) => this.store.findInvitee(tx, inviter_id, to));
    if (invitee.has_blocked) throw NoInvitation();
    return { to, inviter_name: inviter.username, url: `${this.frontend}/accept-invitation/${token}`, expires_at };
  }
}

function toInvitation({ id, invitee_email, is_accepted, is_expired, created_at, expires_at, accepted_at }: InvitationRow): Invitation {
  const state = is_accepted ? 'accepted' : is_expired ? 'expired' : 'open';
  return { id, invitee_email, state, created_at, expires_at, accepted_at };
}

/** In any case: whoever reads the mail of `Ada@` reads that of `ada@`, and legacy has accounts of either spelling. */
const isSameAddress = (one: string, other: string): boolean => folded(one) === folded(other);
const folded = (email: string): string => (normaliseEmail(email) ?? email).toLowerCase();
