import { type MessageAttachment, mediaContract } from '@banyan/media/contract';
import { type ClientOf, Uuid } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { Injectable } from '@nestjs/common';
import type { Message } from './contract';

type Refs = readonly Readonly<Record<string, unknown>>[] | null | undefined;

/** Of one question to media. */
const BATCH = 5_000;
/** What media links at once. */
const LIMIT = 100;

/** The files of messages, which media keeps. */
@Injectable()
export class AttachmentService {
  constructor(
    @Client(mediaContract) private readonly media: ClientOf<typeof mediaContract>,
    @InjectLog() private readonly log: Logger,
  ) {}

  /** By message, as a conversation shows them. A conversation without its files is better than none. */
  async of(messageIds: readonly string[]): Promise<ReadonlyMap<string, Message['media_attachments']>> {
    const found = new Map<string, Message['media_attachments']>();
    try {
      for (let from = 0; from < messageIds.length; from += BATCH) {
        const { attachments } = await this.media.ofMessages({ message_ids: messageIds.slice(from, from + BATCH) });
        for (const attachment of attachments) {
          const list = found.get(attachment.message_id) ?? [];
          found.set(attachment.message_id, [...list, shown(attachment)]);
        }
      }
    } catch (error) {
      this.log.warn({ err: error }, 'a conversation is shown without its files');
    }
    return found;
  }

  /** The uploads that a message names, to it. */
  async link(messageId: string, senderId: string, recipientId: string, refs: Refs): Promise<void> {
    const media_ids = (refs ?? []).map(({ id }) => Uuid.safeParse(id).data).filter((id) => id !== undefined);
    if (media_ids.length === 0) return;
    const viewer_ids = [senderId, recipientId];
    await this.media.attach({ message_id: messageId, media_ids: media_ids.slice(0, LIMIT), uploader_id: senderId, viewer_ids });
  }

  async tryLink(messageId: string, senderId: string, recipientId: string, refs: Refs): Promise<void> {
    await this.link(messageId, senderId, recipientId, refs).catch((error: unknown) => {
      this.log.warn({ err: error }, 'the files of a message are linked later');
    });
  }
}

/** A video is a document here, as it always was: the web client looks at its type. */
function shown({ message_id: _, ...attachment }: MessageAttachment): Message['media_attachments'][number] {
  return { ...attachment, category: attachment.file_type.startsWith('image/') ? 'image' : 'document' };
}
