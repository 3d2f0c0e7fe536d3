import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Settings } from '@banyan/platform/config/table';
import { type Input, isError, KeyReused } from '@banyan/platform/contract';
import { Database } from '@banyan/platform/database/database';
import { findAnswer, type KeyedRequest, once } from '@banyan/platform/database/request-keys';
import { Outbox } from '@banyan/platform/events/outbox';
import { InjectLog, OBJECTS, SETTINGS } from '@banyan/platform/nest/inject';
import type { ObjectStore } from '@banyan/platform/objects/object-store';
import { ReadThroughObjects } from '@banyan/platform/objects/read-through.objects';
import type { Logger } from '@banyan/platform/telemetry/log';
import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import {
  type attach,
  type complete,
  FileNotFound,
  FileRemoved,
  FileTypeNotAllowed,
  ImageTooLarge,
  MediaNotFound,
  mediaUploaded,
  type MessageAttachment,
  QuotaExceeded,
  type reserve,
  type Uploaded,
  UploadNotFound,
} from './contract';
import { categoryOf, extensionOf, HEAD_BYTES, isInline, servedType, withoutTricks } from './file-types';
import { type AttachmentRow, MediaStore, nameOf, type ObjectRow } from './media.store';
import { KEY_LIFE_MS, RemovalService } from './removal.service';
import { hasThumbnail, PIXEL_LIMIT, pixelsOf, pixelsOfAll, thumbnailNameOf, thumbnailOf } from './thumbnails';

/** After them nobody comes back with the same bytes. */
const REFUSALS = [FileTypeNotAllowed, ImageTooLarge, QuotaExceeded, KeyReused];

const MEBIBYTE = 1_048_576;
const FILES = '/api/v1/media/files/';
const YEAR_SECONDS = 31_536_000;
/** In which the size of an image is said; cameras put a lot before it. */
const IMAGE_HEAD_BYTES = 262_144;
/** Names that the monolith gives. */
const LEGACY_NAME = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[A-Za-z0-9]{1,8}$/;

@Injectable()
export class MediaService {
  constructor(
    private readonly store: MediaStore,
    private readonly removal: RemovalService,
    private readonly database: Database,
    private readonly outbox: Outbox,
    @Inject(OBJECTS) private readonly objects: ObjectStore,
    @Inject(SETTINGS) private readonly settings: Settings,
    @InjectLog() private readonly log: Logger,
  ) {}

  async reserve(userId: string, key: string, draft: Input<typeof reserve>) {
    if (!categoryOf(draft.file_name)) throw FileTypeNotAllowed();
    if ((await this.store.used(userId)) >= this.quota) throw QuotaExceeded();
    return this.database.transaction((tx) =>
      once(tx, { userId, key, operation: 'media.reserve', body: draft, ttlMs: KEY_LIFE_MS }, async () => {
        if (await this.store.isRemoved(tx, userId)) throw UploadNotFound();
        const id = uuidv7();
        const name = `${randomUUID()}${extensionOf(draft.file_name)}`; // version 4: nobody may guess it from another one
        await this.store.reserve(tx, {
          id,
          name,
          uploader_id: userId,
          file_name: withoutTricks(draft.file_name),
          file_type: draft.file_type,
          expires: !this.database.isLegacy, // there the monolith's relay refers to uploads without saying so
        });
        return { upload_id: id, key: name, limit_bytes: this.settings.UPLOAD_LIMIT_MB * MEBIBYTE };
      }),
    );
  }

  /**
   * What the bytes are is looked at here, in the object store: they came past no other part of this domain. Sent again under its key, with the
   * same bytes, it is the first upload: each attempt has an object of its own, and this one's goes.
   */
  async complete(userId: string, key: string, { upload_id, size_bytes, sha256 }: Input<typeof complete>): Promise<Uploaded> {
    const row = await this.store.find(upload_id);
    if (!row || row.uploader_id !== userId) throw UploadNotFound();
    if (row.state === 'stored') return toUploaded(row);
    const body = { file_name: row.file_name, file_type: row.file_type, size_bytes, sha256 };
    const request = { userId, key, operation: 'media.complete', body, ttlMs: KEY_LIFE_MS };
    try {
      const answer = (await findAnswer<Uploaded>(this.database, request)) ?? (await this.keep(row, request, { size_bytes, sha256 }));
      if (answer.id !== upload_id) await this.removal.giveUp(row);
      await this.mirror(answer.id).catch((error: unknown) => this.log.warn({ err: error }, 'an upload comes to the monolith later'));
      return answer;
    } catch (error) {
      if (REFUSALS.some((refusal) => isError(error, refusal))) await this.removal.giveUp(row);
      throw error;
    }
  }

  /** @throws what `complete` throws */
  private async keep(row: ObjectRow, request: KeyedRequest, bytes: { size_bytes: number; sha256: string }): Promise<Uploaded> {
    const { id, name } = row;
    if (row.state !== 'reserved') throw UploadNotFound();
    const stored = { ...bytes, served_type: await this.judge(row, bytes.size_bytes), file_url: FILES + name };
    return this.database.transaction((tx) =>
      once(tx, request, async () => {
        const { userId } = request;
        const now = await this.store.lock(tx, id);
        if (now?.state === 'stored') return toUploaded(now);
        if (now?.state !== 'reserved' || (await this.store.isRemoved(tx, userId))) throw UploadNotFound();
        if (!(await this.store.use(tx, userId, bytes.size_bytes, this.quota))) throw QuotaExceeded();
        await this.store.store(tx, now, stored);
        await this.outbox.add(tx, mediaUploaded, { media_id: id, uploader_id: userId }, { key: id });
        return toUploaded({ ...row, size_bytes: bytes.size_bytes });
      }),
    );
  }

  /** To the monolith's folder, as long as the monolith may have to serve it again. Can be repeated. */
  async mirror(mediaId: string): Promise<void> {
    if (!this.database.isLegacy || !(this.objects instanceof ReadThroughObjects)) return;
    const row = await this.store.find(mediaId);
    if (row?.state !== 'stored') return;
    await this.objects.mirror(row.name);
    if ((await this.store.find(mediaId))?.state !== 'stored') await this.objects.remove(row.name); // deleted meanwhile
  }

  private async judge(row: ObjectRow, sizeBytes: number): Promise<string> {
    const isImage = categoryOf(row.file_name) === 'image';
    const head = sizeBytes === 0 ? Buffer.alloc(0) : await this.head(row.name, isImage ? IMAGE_HEAD_BYTES : HEAD_BYTES, sizeBytes);
    const type = await servedType(row.file_name, head.subarray(0, HEAD_BYTES));
    if (type === undefined) throw FileTypeNotAllowed();
    if (isImage && (await this.pixels(row.name, head, sizeBytes)) > PIXEL_LIMIT) throw ImageTooLarge();
    return type;
  }

  /** 0 if nobody can tell, so that nobody can show it either. */
  private async pixels(key: string, head: Buffer, sizeBytes: number): Promise<number> {
    const found = await pixelsOf(head);
    if (found !== undefined || sizeBytes <= head.length) return found ?? 0;
    return (await pixelsOfAll(() => this.objects.read(key))) ?? 0;
  }

  private async head(key: string, bytes: number, sizeBytes: number): Promise<Buffer> {
    return buffer(await this.objects.read(key, { start: 0, end: Math.min(bytes, sizeBytes) - 1 }));
  }

  async file(name: string) {
    const row = await this.store.findByName(name);
    if (row && !row.is_there) throw FileRemoved();
    if (!row) return this.legacyFile(name);
    if (row.thumbnail === name) {
      const found = await this.objects.find(name);
      if (!found) throw FileNotFound();
      return this.answer(name, found.sizeBytes, 'image/webp', `"${name}"`, row.created_at, name);
    }
    const type = row.served_type ?? (await this.findOut(row));
    return this.answer(name, row.size_bytes!, type, `"${row.sha256}"`, row.created_at, name); // the page saves it under its own name
  }

  /** Of a file that the monolith took: it never looked into one. */
  private async findOut({ id, name, size_bytes }: ObjectRow): Promise<string> {
    const type = await this.typeOf(name, size_bytes!);
    await this.store.setServedType(id, type);
    return type;
  }

  private async typeOf(name: string, sizeBytes: number): Promise<string> {
    const head = sizeBytes === 0 ? Buffer.alloc(0) : await this.head(name, HEAD_BYTES, sizeBytes);
    return (await servedType(name, head)) ?? 'application/octet-stream';
  }

  /** A file in the monolith's folder, by a name that the monolith has given; its row may be gone or never have been. */
  private async legacyFile(name: string) {
    if (!(this.objects instanceof ReadThroughObjects) || !LEGACY_NAME.test(name)) throw FileNotFound();
    const found = await this.objects.find(name);
    if (!found) throw FileNotFound();
    const { sizeBytes, modifiedAt } = found;
    return this.answer(
      name,
      sizeBytes,
      await this.typeOf(name, sizeBytes),
      `"${sizeBytes.toString(16)}-${Date.parse(modifiedAt).toString(16)}"`,
      modifiedAt,
      name,
    );
  }

  private answer(key: string, size_bytes: number, content_type: string, etag: string, modified_at: string, file_name: string) {
    return { key, size_bytes, content_type, etag, modified_at, file_name, inline: isInline(content_type), max_age_seconds: YEAR_SECONDS };
  }

  async link(userId: string, mediaId: string, expiresInSeconds: number) {
    const [row, attachment] = await Promise.all([this.store.find(mediaId), this.store.findAttachment(mediaId)]);
    const isThere = row ? row.state === 'stored' && (!row.is_listed || attachment) : attachment;
    if (!isThere || !(await this.store.isViewer(mediaId, userId))) throw MediaNotFound();
    const name = row?.name ?? nameOf(attachment!);
    const { content_type, inline } = await this.file(name);
    const file_name = row?.file_name ?? attachment!.file_name;
    const expires_at = new Date(Date.now() + expiresInSeconds * 1000).toISOString().replace('Z', '000Z');
    const thumbnail = row?.thumbnail;
    return {
      url: await this.objects.link(name, { expiresInSeconds, contentType: content_type, fileName: file_name, inline }),
      thumbnail_url: thumbnail
        ? await this.objects.link(thumbnail, { expiresInSeconds, contentType: 'image/webp', fileName: thumbnail, inline: true })
        : null,
      expires_at,
    };
  }

  async ofMessage(userId: string, messageId: string) {
    const rows = await this.store.listOf([messageId]);
    const visible: AttachmentRow[] = [];
    for (const row of rows) {
      const isParty = row.sender_id === userId || row.recipient_id === userId;
      if (isParty || (await this.store.isViewer(row.id, userId))) visible.push(row);
    }
    return visible.map((row) => {
      const { message_id: _, thumbnail_url: __, ...attached } = toAttachment(row);
      return attached;
    });
  }

  async ofMessages(messageIds: readonly string[]) {
    return { attachments: (await this.store.listOf(messageIds)).map(toAttachment) };
  }

  async usage(userId: string) {
    return { used_bytes: await this.store.used(userId), quota_bytes: this.quota };
  }

  async attach({ message_id: messageId, media_ids, uploader_id: senderId, viewer_ids }: Input<typeof attach>) {
    const ids = [...new Set(media_ids)];
    const recipientId = viewer_ids.find((id) => id !== senderId) ?? null;
    if (ids.length > 0)
      await this.database.transaction(async (tx) => {
        const known = await this.store.known(tx, ids);
        const own = await this.store.lockLinkable(tx, ids, senderId, messageId);
        const listed = new Map((await this.store.lockAttachments(tx, ids)).map((row) => [row.id, row]));
        const linked: string[] = [];
        for (const row of own) {
          const attachment = listed.get(row.id);
          if (attachment ? attachment.message_id !== null && attachment.message_id !== messageId : row.is_listed) continue;
          if (attachment) await this.store.linkListed(tx, row.id, messageId, senderId, recipientId);
          else {
            const thumbnailUrl = row.thumbnail && FILES + row.thumbnail;
            await this.store.linkUnlisted(tx, row, { messageId, senderId, recipientId, url: FILES + row.name, thumbnailUrl });
          }
          linked.push(row.id);
        }
        // What the monolith took has no uploader. Only who uploaded it knows its id until it is linked.
        for (const row of listed.values()) {
          if (!known.has(row.id) && row.message_id === null) await this.store.linkListed(tx, row.id, messageId, senderId, recipientId);
        }
        await this.store.noteLinked(tx, linked, messageId, [senderId, ...viewer_ids]);
      });
    const { attachments } = await this.ofMessages([messageId]);
    const there = new Set(attachments.map(({ id }) => id));
    return { attached: ids.filter((id) => there.has(id)), attachments };
  }

  /** Repeats are harmless: a file has one thumbnail or none. */
  async makeThumbnail(mediaId: string): Promise<void> {
    const row = await this.store.find(mediaId);
    if (row?.state !== 'stored' || row.thumbnail || !row.size_bytes || !hasThumbnail(row.served_type)) return;
    const image = await thumbnailOf(() => this.objects.read(row.name));
    if (!image) return;
    const name = thumbnailNameOf(row.name);
    await this.objects.put(name, Readable.from([image]), { contentType: 'image/webp' });
    const isKept = await this.database.transaction((tx) => this.store.setThumbnail(tx, mediaId, name, FILES + name));
    if (!isKept && (await this.store.find(mediaId))?.thumbnail !== name) await this.objects.remove(name);
  }

  private get quota(): number {
    return this.settings.UPLOAD_QUOTA_MB * MEBIBYTE;
  }
}

function toUploaded({ id, file_name, file_type, size_bytes, name }: ObjectRow): Uploaded {
  const category = categoryOf(file_name) ?? 'document';
  return { id, file_name, file_type, file_size: size_bytes!, file_url: FILES + name, category };
}

function toAttachment(row: AttachmentRow): MessageAttachment {
  const { id, file_name, file_type, file_size, file_url, thumbnail_url, created_at } = row;
  const category = categoryOf(file_name) ?? 'document';
  return { id, message_id: row.message_id!, file_name, file_type, file_size, file_url, category, thumbnail_url, created_at };
}
