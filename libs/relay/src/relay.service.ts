import { messageContract, type QueuedMessage, RecipientNotFound } from '@banyan/message/contract';
import { type ClientOf, type Input, normaliseUuid, Uuid } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import { currentContext } from '@banyan/platform/dispatch/context';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { userContract } from '@banyan/user/contract';
import { websocketContract } from '@banyan/websocket/contract';
import { Inject, Injectable } from '@nestjs/common';
import { AdoptedQueue } from './adopted-queue';
import type { adopt, send } from './contract';
import { QueueIndex } from './queue-index';

@Injectable()
export class RelayService {
  constructor(
    private readonly index: QueueIndex,
    @InjectLog() private readonly log: Logger,
    @Client(messageContract) private readonly messages: ClientOf<typeof messageContract>,
    @Client(userContract) private readonly users: ClientOf<typeof userContract>,
    @Client(websocketContract) private readonly sockets: ClientOf<typeof websocketContract>,
    /** Undefined where there is no monolith. */
    @Inject(AdoptedQueue) private readonly adopted: AdoptedQueue | undefined,
  ) {}

  /** Accepted once `message` has committed. What follows makes it arrive sooner; if it fails, the event of the message does it. */
  async send(senderId: string, draft: Input<typeof send>) {
    const { allowed } = await this.users.canMessage({ from: senderId, to: draft.recipient_id });
    if (!allowed) throw RecipientNotFound();
    const { message_id, position, created_at, expires_at, media_refs } = await this.messages.accept(draft);
    const { ttl_days: _ttl, sender_encrypted_content: _own, ...content } = draft;
    const data = {
      id: message_id,
      sender_id: senderId,
      ...content,
      signatures: draft.signatures ?? null,
      media_refs,
      created_at,
      delivery_attempts: 0,
    };
    const [pushed] = await Promise.all([
      this.sockets
        .push({ user_id: draft.recipient_id, frame: { type: 'relay_message', id: message_id, body: { data } } })
        .catch(this.ignored('push')),
      this.index.add(draft.recipient_id, message_id, position).catch(this.ignored('queue index')),
    ]);
    return { success: true as const, message_id, status: pushed?.delivered ? ('delivered' as const) : ('queued' as const), expires_at };
  }

  /** The monolith has pushed it already. */
  async adopt(message: Input<typeof adopt>) {
    const { stored } = await this.messages.adopt(message);
    if (stored?.position != null)
      await this.index.add(stored.recipient_id, message.message_id, stored.position).catch(this.ignored('queue index'));
    return { stored: stored !== null };
  }

  /**
   * One queue for everybody, as long as a part of it is in the monolith's memory: its messages come in with their own ids.
   *
   * @param isWhole also what was posted elsewhere, of which the index hears from its event only
   */
  async list(userId: string, isWhole: boolean) {
    const [messages, adopted] = await Promise.all([this.listOwn(userId, isWhole), this.adopted?.pending(userId) ?? []]);
    if (adopted.length === 0) return { success: true as const, count: messages.length, messages };
    const own = new Set(messages.map(({ id }) => id));
    const all = [...messages, ...adopted.filter(({ id }) => !own.has(id))].sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
    return { success: true as const, count: all.length, messages: all };
  }

  private async listOwn(userId: string, isWhole: boolean): Promise<QueuedMessage[]> {
    const known = await this.index.find(userId).catch(this.ignored('queue index'));
    if (known?.length === 0 && !isWhole) return [];
    const loading = known ? undefined : await this.index.beginLoading(userId).catch(this.ignored('queue index'));
    const { messages, complete } = await this.messages.pending({});
    if (complete && loading) await this.index.load(loading, messages).catch(this.ignored('queue index'));
    if (complete && known) await this.dropStale(userId, known, messages).catch(this.ignored('queue index'));
    return messages.map(({ position: _, ...message }) => message);
  }

  /** First the database, then the index: a message that was acknowledged can be listed, but never handed out again. */
  async acknowledge(userId: string, messageId: string) {
    const id = normaliseUuid(messageId);
    const found = Uuid.safeParse(id).success && (await this.takeOut(userId, id));
    return { success: true as const, message_id: messageId, status: found ? ('deleted' as const) : ('not_found' as const) };
  }

  private async takeOut(userId: string, id: string): Promise<boolean> {
    const key = `${currentContext()!.key}/acknowledge`; // one for both: a repeat finds the first answer, wherever the message was
    const { found, adopted } = await this.messages.acknowledge({ message_id: id }, { key });
    if (adopted) await this.adopted?.forget(userId, id);
    if (!found) return (await this.adopted?.acknowledge(userId, id, key)) ?? false;
    await this.index.remove(userId, [id]).catch(this.ignored('queue index'));
    return true;
  }

  async stats() {
    const [{ total, deliverable, expired, recipients }, { count }] = await Promise.all([
      this.messages.queueStats({}),
      this.sockets.onlineCount({}),
    ]);
    return {
      success: true as const,
      stats: {
        total_messages: total,
        deliverable_messages: deliverable,
        expired_messages: expired,
        acknowledged_messages: 0,
        online_users: count,
        unique_recipients: recipients,
      },
    };
  }

  async cleanup() {
    const { dropped } = await this.messages.dropExpired({});
    return { success: true as const, deleted_count: dropped };
  }

  /** What was listed before the database was asked and is not waiting there was acknowledged or has expired. */
  private async dropStale(userId: string, known: readonly string[], queue: readonly { id: string }[]): Promise<void> {
    const waiting = new Set(queue.map(({ id }) => id));
    await this.index.remove(
      userId,
      known.filter((id) => !waiting.has(id)),
    );
  }

  private ignored =
    (what: string) =>
    (error: unknown): undefined => {
      this.log.warn({ err: error, what }, 'relay goes on without it');
      return undefined;
    };
}
