import { sessionRevoked } from '@banyan/auth/contract/events';
import { messageContract } from '@banyan/message/contract';
import { messageRead, messageReceived, messageSent } from '@banyan/message/contract/events';
import type { ClientOf } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { userContract } from '@banyan/user/contract';
import { contactAdded } from '@banyan/user/contract/events';
import { contactAddedFrame } from './contact-frame';
import { receiptFrame } from './receipt-frame';
import { WebsocketService } from './websocket.service';

/** So long whoever took a message may take to push it; the others of the same batch of events wait with it. */
const PATIENCE_MS = 250;

/** What happened elsewhere, as frames. A repeat makes the same frame, and no socket takes it twice. */
@Subscriber('websocket')
export class WebsocketHandlers {
  constructor(
    private readonly sockets: WebsocketService,
    @Client(messageContract) private readonly messages: ClientOf<typeof messageContract>,
    @Client(userContract) private readonly users: ClientOf<typeof userContract>,
  ) {}

  /** Whoever ended it has asked for this already; here it is done if that was lost. */
  @On(sessionRevoked)
  async closeSockets({ data: { user_id, session_id } }: Delivered<typeof sessionRevoked>): Promise<void> {
    await this.sockets.endSessions(user_id, session_id);
  }

  isMissed({ data: { message_id, recipient_id, position } }: Delivered<typeof messageSent>): boolean {
    return position !== null && !this.sockets.hasPushed(recipient_id, message_id);
  }

  /** Whoever took the message pushes it, in his own frame and with its files; here it is done if that was lost. */
  @On(messageSent, { when: 'isMissed' })
  async pushMissed({ occurred_at, data: { message_id, recipient_id } }: Delivered<typeof messageSent>): Promise<void> {
    const { online } = await this.sockets.online([recipient_id]);
    if (online.length === 0) return;
    // Events that have waited are not made to wait longer: however many there are, they get through.
    const patienceMs = Math.min(PATIENCE_MS, Date.parse(occurred_at) + PATIENCE_MS - Date.now());
    if (await this.sockets.hasPushedWithin(recipient_id, message_id, patienceMs)) return;
    const { message } = await this.messages.queued({ message_id });
    if (message) await this.sockets.push(recipient_id, { type: 'relay_message', id: message_id, body: { data: message } });
  }

  @On(messageReceived)
  async tellDelivered({ data: { message_id, sender_id } }: Delivered<typeof messageReceived>): Promise<void> {
    await this.sockets.pushMany([sender_id], receiptFrame('delivered', message_id));
  }

  @On(messageRead)
  async tellRead({ data: { message_id, sender_id } }: Delivered<typeof messageRead>): Promise<void> {
    await this.sockets.pushMany([sender_id], receiptFrame('read', message_id));
  }

  /** To him in whose list somebody is now; of two who have each other now, each hears of the other. */
  @On(contactAdded)
  async showContact({ id, data: { user_id, contact_id } }: Delivered<typeof contactAdded>): Promise<void> {
    const { online } = await this.sockets.online([user_id, contact_id]);
    if (!online.includes(user_id)) return;
    const profile = await this.users.profile({ user_id: contact_id });
    await this.sockets.pushMany([user_id], contactAddedFrame(profile, online.includes(contact_id), id));
  }
}
