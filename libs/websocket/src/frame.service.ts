import { groupContract } from '@banyan/group/contract';
import { messageContract } from '@banyan/message/contract';
import { type ClientOf, KeyReused, isError, normaliseUuid, type UserActor, Uuid } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import { asUser } from '@banyan/platform/dispatch/context';
import { relayContract } from '@banyan/relay/contract';
import { userContract } from '@banyan/user/contract';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Audience } from './audience';
import { contactAddedFrame } from './contact-frame';
import { GroupFanout } from './group-fanout';
import { receiptFrame } from './receipt-frame';
import { WebsocketService } from './websocket.service';

/** As clients write it: in any case, with or without dashes. */
const Id = z.string().max(100).transform(normaliseUuid).pipe(Uuid);

const NewMessage = z.object({
  recipient_id: Id,
  message_id: Id.nullish(),
  encrypted_content: z.string(),
  encrypted_session_key: z.string().nullish(),
  /** What is no id is none of an upload. */
  media_ids: z.array(Id.optional().catch(undefined)).max(100).nullish(),
});
/** `message_id` is the page's own name for it, and no id; a repeat under that name is the first one again. Who sends it is not asked here. */
const NewGroupMessage = z.object({
  group_id: Id,
  message_id: z.string().min(1).max(255).optional().catch(undefined),
  encrypted_content: z.string(),
  encrypted_session_keys: z.record(z.string(), z.string()).nullish(),
});
const Typing = z.object({ recipient_id: Id, is_typing: z.boolean().catch(false) });
const Receipt = z.object({ message_id: Id, sender_id: Id });
const Introduction = z.object({ inviter_id: Id, contact_id: Id });

/** What the monolith writes where a client sends no key. */
const NO_SESSION_KEY = 'default-key';

type Payload = Readonly<Record<string, unknown>>;

/**
 * The rules of the frames that clients send (docs: the legacy contract, section 11, with the safe behaviour of section 12). What does not have
 * its form is passed over, as is what the sender may not.
 */
@Injectable()
export class FrameService {
  constructor(
    private readonly sockets: WebsocketService,
    private readonly audience: Audience,
    private readonly fanout: GroupFanout,
    @Client(groupContract) private readonly groups: ClientOf<typeof groupContract>,
    @Client(messageContract) private readonly messages: ClientOf<typeof messageContract>,
    @Client(relayContract) private readonly relay: ClientOf<typeof relayContract>,
    @Client(userContract) private readonly users: ClientOf<typeof userContract>,
  ) {}

  /** Stored and queued, then shown, then confirmed. Under an id that he has used before it is confirmed again and nothing else happens. */
  async postMessage({ userId }: UserActor, payload: Payload): Promise<void> {
    const draft = NewMessage.safeParse(payload).data;
    if (!draft) return;
    const { message_id: chosen, encrypted_session_key: sessionKey = null, media_ids, ...rest } = draft;
    const uploads = (media_ids ?? []).filter((id) => id !== undefined);
    const content = { ...rest, encrypted_session_key: sessionKey ?? NO_SESSION_KEY, ...(uploads.length > 0 && { media_ids: uploads }) };
    const options = chosen ? { key: `message/${chosen}` } : undefined;
    const stored = await this.messages.post({ message_id: chosen, ...content }, options).catch((error: unknown) => {
      if (isError(error, KeyReused)) return undefined; // his id, with something else in it: the first one stands
      throw error;
    });
    if (!stored) return;
    const { message_id, created_at, attachments } = stored;
    const body = {
      sender_id: userId,
      message_id,
      encrypted_content: rest.encrypted_content,
      encrypted_session_key: sessionKey,
      timestamp: created_at,
      has_media: attachments.length > 0,
      media_attachments: attachments.map(({ created_at: _, thumbnail_url: __, ...shown }) => shown),
    };
    const { delivered } = await this.sockets.push(rest.recipient_id, { type: 'new_message', id: message_id, body });
    await this.sockets.push(userId, { type: 'message_sent', id: message_id, body: { message_id, status: 'sent', timestamp: created_at } });
    if (delivered > 0) await this.takeOut(rest.recipient_id, message_id);
  }

  /** What was shown on a socket waits no more, as it never did at the monolith; whoever was away finds it in his queue. */
  private async takeOut(recipientId: string, messageId: string): Promise<void> {
    const recipient: UserActor = { kind: 'user', userId: recipientId, role: 'user' };
    await asUser(recipient, { key: `shown/${messageId}` }, () => this.relay.acknowledge({ message_id: messageId }));
  }

  /** Stored, then shown to the others who are in the group, then confirmed. */
  async postToGroup({ userId: sender_id }: UserActor, payload: Payload): Promise<void> {
    const draft = NewGroupMessage.safeParse(payload).data;
    if (!draft) return;
    const { encrypted_session_keys, ...rest } = draft;
    await this.fanout.show(await this.groups.post({ ...rest, sender_id, encrypted_session_keys: encrypted_session_keys ?? {} }));
  }

  async passTyping({ userId }: UserActor, payload: Payload): Promise<void> {
    const { data } = Typing.safeParse(payload);
    if (!data || !(await this.audience.mayType(userId, data.recipient_id))) return;
    await this.sockets.pushMany([data.recipient_id], { type: 'typing', id: '', body: { sender_id: userId, is_typing: data.is_typing } });
  }

  /** Stored first, if it is news; then the sender is told. Of a group's message nothing is confirmed in this way. */
  async confirm(how: 'delivered' | 'read', payload: Payload): Promise<void> {
    const { data: receipt } = Receipt.safeParse(payload);
    if (!receipt || !(await this.messages.confirmReceipt({ ...receipt, read: how === 'read' })).is_known) return;
    const { message_id, sender_id } = receipt;
    await this.sockets.pushMany([sender_id], receiptFrame(how, message_id));
  }

  /** A client may show himself, and nobody else, to somebody in whose list he is. */
  async tellInviter({ userId }: UserActor, payload: Payload): Promise<void> {
    const { data } = Introduction.safeParse(payload);
    if (!data || data.contact_id !== userId) return;
    const { contact_of } = await this.users.circle({ user_id: userId });
    if (!contact_of.includes(data.inviter_id)) return;
    await this.sockets.pushMany([data.inviter_id], contactAddedFrame(await this.users.profile({ user_id: userId }), true));
  }
}
