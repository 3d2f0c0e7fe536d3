import {
  emailVerificationRequested,
  passwordChanged,
  passwordResetRequested,
  sessionRevoked,
  userRegistered,
  userRemoved,
} from '@banyan/auth/contract/events';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { invitationAccepted, invitationSent } from '@banyan/user/contract/events';
import { NotificationService } from './notification.service';

/** Sessions that end because somebody else may have had them; of those that their user ended himself he needs no mail. */
const ALARMING = ['refresh_reused'];

/** Events say who and what; the address, the names and the links are asked for when the mail is sent. */
@Subscriber('notification')
export class NotificationHandlers {
  constructor(private readonly notifications: NotificationService) {}

  @On(userRegistered)
  async confirmAddress(event: Delivered<typeof userRegistered>): Promise<void> {
    const { user_id } = event.data;
    await this.notifications.queueOnce(event, { kind: 'verify_email', userId: user_id, data: { request_id: user_id } });
  }

  @On(emailVerificationRequested)
  async confirmAddressAgain(event: Delivered<typeof emailVerificationRequested>): Promise<void> {
    const { user_id, request_id } = event.data;
    await this.notifications.queueOnce(event, { kind: 'verify_email', userId: user_id, data: { request_id } });
  }

  @On(passwordResetRequested)
  async resetPassword(event: Delivered<typeof passwordResetRequested>): Promise<void> {
    const { user_id, request_id } = event.data;
    await this.notifications.queueOnce(event, { kind: 'reset_password', userId: user_id, data: { request_id } });
  }

  @On(passwordChanged)
  async tellOfNewPassword(event: Delivered<typeof passwordChanged>): Promise<void> {
    const { user_id, at } = event.data;
    await this.notifications.queueOnce(event, { kind: 'password_changed', userId: user_id, data: { at } });
  }

  @On(sessionRevoked)
  async tellOfCopiedSession(event: Delivered<typeof sessionRevoked>): Promise<void> {
    const { user_id, reason } = event.data;
    if (!ALARMING.includes(reason)) return;
    await this.notifications.queueOnce(event, { kind: 'session_revoked', userId: user_id, data: { at: event.occurred_at } });
  }

  /** Each sending is an event of its own. The invited address may have no account, or not know of it. */
  @On(invitationSent)
  async invite(event: Delivered<typeof invitationSent>): Promise<void> {
    const { invitation_id, inviter_id } = event.data;
    await this.notifications.queueOnce(event, { kind: 'invitation', userId: null, causedBy: inviter_id, data: { invitation_id } });
  }

  @On(invitationAccepted)
  async tellInviter(event: Delivered<typeof invitationAccepted>): Promise<void> {
    const { invitation_id, inviter_id, user_id } = event.data;
    const data = { invitation_id, user_id };
    await this.notifications.queueOnce(event, { kind: 'invitation_accepted', userId: inviter_id, causedBy: user_id, data });
  }

  /** The removal has asked for it already; an event of his that came later may have brought something back. */
  @On(userRemoved)
  async forget({ data }: Delivered<typeof userRemoved>): Promise<void> {
    await this.notifications.purge(data.user_id);
  }
}
