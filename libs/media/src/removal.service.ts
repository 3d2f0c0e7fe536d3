import type { Settings } from '@banyan/platform/config/table';
import { type Actor, isError, type UserActor } from '@banyan/platform/contract';
import { Database, type Transaction } from '@banyan/platform/database/database';
import { once } from '@banyan/platform/database/request-keys';
import { Outbox } from '@banyan/platform/events/outbox';
import { InjectLog, OBJECTS, SETTINGS } from '@banyan/platform/nest/inject';
import type { ObjectStore } from '@banyan/platform/objects/object-store';
import type { Logger } from '@banyan/platform/telemetry/log';
import { Inject, Injectable } from '@nestjs/common';
import { mediaDeleted, MediaNotFound, NotTheUploader } from './contract';
import { MediaStore, nameOf, type ObjectRow } from './media.store';
import { hasThumbnail, thumbnailNameOf } from './thumbnails';

export const KEY_LIFE_MS = 24 * 3_600_000;
const BATCH = 200;
/** Less than `dropExpired` may take. */
const SWEEP_MS = 20_000;

/** How files go: first they are found no more, then their bytes. */
@Injectable()
export class RemovalService {
  constructor(
    private readonly store: MediaStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
    @Inject(OBJECTS) private readonly objects: ObjectStore,
    @Inject(SETTINGS) private readonly settings: Settings,
    @InjectLog() private readonly log: Logger,
  ) {}

  async remove(actor: UserActor, key: string, mediaId: string) {
    const body = { media_id: mediaId };
    const answer = await this.database.transaction((tx) =>
      once(tx, { userId: actor.userId, key, operation: 'media.remove', body, ttlMs: KEY_LIFE_MS }, async () => {
        await this.removeIn(tx, mediaId, actor);
        return { message: 'Media deleted successfully' as const };
      }),
    );
    await this.erase(mediaId).catch((error: unknown) => this.log.warn({ err: error }, 'a removed file is erased later'));
    return answer;
  }

  /**
   * @param expiredAs what it was when it was found to be over; if it was stored or sent since then, it is not
   * @throws MediaNotFound, NotTheUploader
   */
  private async removeIn(tx: Transaction, mediaId: string, by: Actor, expiredAs?: ObjectRow['state']): Promise<void> {
    const row = await this.store.lock(tx, mediaId);
    const [attachment] = await this.store.lockAttachments(tx, [mediaId]);
    if (expiredAs && (row?.state !== expiredAs || attachment?.message_id)) throw MediaNotFound();
    if (row ? row.state === 'removed' || (row.is_listed && !attachment && by.kind === 'user') : !attachment) throw MediaNotFound();
    const owner = row?.uploader_id ?? attachment?.sender_id;
    if (by.kind === 'user' && owner !== by.userId && (owner || by.role !== 'admin')) throw NotTheUploader();
    const gone = row ?? { ...attachment!, name: nameOf(attachment!), uploader_id: null };
    await this.store.remove(tx, gone, row?.state === 'stored' ? (row.size_bytes ?? 0) : 0);
    const message_id = row?.message_id ?? attachment?.message_id ?? null;
    await this.outbox.add(tx, mediaDeleted, { media_id: mediaId, message_id, by: by.kind === 'user' ? by.userId : null }, { key: mediaId });
  }

  /** An upload that is not kept. */
  async giveUp(row: ObjectRow): Promise<void> {
    await this.database.transaction(async (tx) => {
      if ((await this.store.lock(tx, row.id))?.state === 'reserved') await this.store.remove(tx, row, 0);
    });
    await this.erase(row.id);
  }

  /**
   * Its bytes, once it is found no more. Can be repeated. What was only reserved may be on its way into the store at this moment, and so may a
   * thumbnail, by a process that dies then: the row stays until nothing can last that long (`dropExpired`).
   */
  async erase(mediaId: string): Promise<void> {
    const row = await this.store.find(mediaId);
    if (row?.state !== 'removed') return;
    await this.eraseBytes(row);
    if (row.size_bytes !== null && !hasThumbnail(row.served_type)) await this.store.forget(mediaId);
  }

  private async eraseBytes(row: ObjectRow): Promise<void> {
    await this.objects.remove(row.name);
    if (hasThumbnail(row.served_type)) await this.objects.remove(thumbnailNameOf(row.name));
  }

  async removeOfMessage(messageId: string): Promise<void> {
    for (const { id } of await this.store.listOf([messageId])) await this.removeUnasked(id);
  }

  /** All of them, or as many as go in its time: what is left is there the next time. */
  async dropExpired() {
    const until = Date.now() + SWEEP_MS;
    let dropped = 0;
    for (let some = BATCH; some === BATCH && Date.now() < until;) {
      const expired = await this.store.listExpired(this.settings.UPLOAD_UNLINKED_HOURS, BATCH);
      for (const { id, state } of expired) await this.removeUnasked(id, state);
      dropped += some = expired.length;
    }
    for (let some = BATCH; some === BATCH && Date.now() < until;) {
      const left = await this.store.listLeft(BATCH);
      for (const row of left) {
        await this.eraseBytes(row);
        await this.store.forget(row.id);
      }
      some = left.length;
    }
    return { dropped };
  }

  /** First nothing more is taken from him, then everything goes. */
  async purge(userId: string): Promise<Record<string, never>> {
    await this.store.markRemoved(userId);
    for (;;) {
      const some = await this.store.listOfUser(userId, BATCH);
      for (const { id } of some) await this.removeUnasked(id);
      if (some.length < BATCH) break;
    }
    await this.store.forgetUser(userId);
    return {};
  }

  private async removeUnasked(mediaId: string, expiredAs?: ObjectRow['state']): Promise<void> {
    await this.database
      .transaction((tx) => this.removeIn(tx, mediaId, { kind: 'system', name: 'media' }, expiredAs))
      .catch((error: unknown) => {
        if (!isError(error, MediaNotFound)) throw error;
      });
    await this.erase(mediaId).catch((error: unknown) => this.log.warn({ err: error }, 'a removed file is erased later'));
  }
}
