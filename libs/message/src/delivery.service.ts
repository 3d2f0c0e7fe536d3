import type { Input } from '@banyan/platform/contract';
import { Coalescer } from '@banyan/platform/database/coalesce';
import type { Bounds } from '@banyan/platform/database/database';
import { hashBody } from '@banyan/platform/database/request-keys';
import { currentContext } from '@banyan/platform/dispatch/context';
import { Outbox } from '@banyan/platform/events/outbox';
import { currentTrace } from '@banyan/platform/nest/databases';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { accept, adopt } from './contract';
import { AttachmentService, toRefs } from './attachment.service';
import { type Accepted, DeliveryStore, type NewDelivery } from './delivery.store';

/** What legacy takes null and 0 for. */
export const USUAL_TTL_DAYS = 7;
/** What one answer carries; the rest comes when it is acknowledged. Without the bytes, a stranger could fill a queue until no process can answer it. */
const PAGE = { limit: 5_000, bytes: 8_000_000 };

/** The queue of each recipient: accepted, waiting, acknowledged or expired. The truth that relay's index is made from. */
@Injectable()
export class DeliveryService {
  private readonly accepting = new Coalescer<NewDelivery, Accepted>((batch, bounds) => this.write(batch, bounds), {
    deadlineOf: () => currentContext()?.deadline,
    maxBatch: 128,
  });

  constructor(
    private readonly store: DeliveryStore,
    private readonly outbox: Outbox,
    private readonly attachments: AttachmentService,
  ) {}

  /**
   * Message, delivery, key and event are one statement, shared with whatever else waits to be accepted at this moment. Its uploads are
   * linked after that; if it fails, the event does it.
   */
  async accept(senderId: string, key: string, { ttl_days, ...draft }: Input<typeof accept>) {
    const accepted = await this.accepting.add({
      ...draft,
      id: uuidv7(),
      event_id: uuidv7(),
      trace: currentTrace() ?? null,
      sender_id: senderId,
      key,
      body_hash: hashBody({ ...draft, ttl_days }),
      ttl_days: ttl_days || USUAL_TTL_DAYS,
    });
    const attachments = await this.attachments.tryLink(accepted.message_id, senderId, draft.recipient_id, draft.media_refs);
    return { ...accepted, media_refs: toRefs(draft.media_refs, attachments) };
  }

  async findQueued(messageId: string) {
    const message = await this.store.findQueued(messageId);
    return { message: message ? (await this.attachments.withRefs([message]))[0]! : null };
  }

  async listPending(userId: string) {
    const { messages, complete } = await this.store.deliver(userId, PAGE);
    return { messages: await this.attachments.withRefs(messages), complete };
  }

  async adopt({ message_id, expires_at, signatures, media_refs }: Input<typeof adopt>) {
    const stored = await this.store.adopt({ message_id, expires_at, signatures, media_refs, event_id: uuidv7() });
    if (stored?.position != null) this.outbox.wake();
    return { stored: stored ?? null };
  }

  async acknowledge(userId: string, key: string, messageId: string) {
    const taken = await this.store.acknowledge(userId, messageId, key, uuidv7());
    if (taken) this.outbox.wake();
    return { found: taken !== undefined, ...(taken?.adopted && { adopted: true }) };
  }

  async acknowledgeAdopted(userId: string, key: string, messageId: string, senderId: string | null) {
    const found = await this.store.acknowledgeAdopted(userId, messageId, senderId, key, uuidv7());
    if (found) this.outbox.wake();
    return { found };
  }

  async listSettled(userId: string, messageIds: readonly string[]) {
    return { settled: await this.store.listSettled(userId, messageIds) };
  }

  stats() {
    return this.store.count();
  }

  async dropExpired() {
    return { dropped: await this.store.dropExpired() };
  }

  private async write(batch: readonly NewDelivery[], bounds: Bounds): Promise<Accepted[]> {
    const accepted = await this.store.accept(batch, bounds);
    this.outbox.wake();
    return accepted;
  }
}
