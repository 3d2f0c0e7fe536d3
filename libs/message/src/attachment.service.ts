import { type MessageAttachment, mediaContract } from '@banyan/media/contract';
import { type ClientOf, Uuid } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { Injectable } from '@nestjs/common';
import type { Attachment } from './contract';
import { DeliveryStore } from './delivery.store';

type Refs = readonly Readonly<Record<string, unknown>>[] | null | undefined;

interface Naming {
  readonly id: string;
  readonly sender_id: string;
  readonly recipient_id: string;
  readonly media_refs: Refs;
}

/** Of one question to media. */
const BATCH = 5_000;
/** What media links at once. */
const LIMIT = 100;

/** The files of messages, which media keeps. */
@Injectable()
export class AttachmentService {
  constructor(
    private readonly deliveries: DeliveryStore,
    @Client(mediaContract) private readonly media: ClientOf<typeof mediaContract>,
    @InjectLog() private readonly log: Logger,
  ) {}

  /** By message, as a conversation shows them. A conversation without its files is better than none. */
  async of(messageIds: readonly string[]): Promise<ReadonlyMap<string, Attachment[]>> {
    const found = await this.ask(messageIds);
    return new Map([...(found ?? [])].map(([id, attachments]) => [id, attachments.map(toAttachment)]));
  }

  /**
   * The same messages, with what media knows about their files instead of what their senders said. One that is asked for so soon after it
   * was accepted that nobody has linked its files yet gets them here.
   */
  async withRefs<M extends Naming>(messages: readonly M[]) {
    const naming = messages.filter(({ media_refs }) => idsOf(media_refs).length > 0);
    const found = await this.ask(naming.map(({ id }) => id));
    for (const { id, sender_id, recipient_id, media_refs } of found ? naming : []) {
      if (found?.has(id)) continue;
      const linked = await this.tryLink(id, sender_id, recipient_id, media_refs);
      if (linked) found?.set(id, [...linked]);
    }
    return messages.map((message) => ({ ...message, media_refs: toRefs(message.media_refs, found && (found.get(message.id) ?? [])) }));
  }

  /** The uploads that a message names, to it: those of its sender that belong to no other. @returns all that it has now */
  async link(messageId: string, senderId: string, recipientId: string, refs: Refs): Promise<readonly MessageAttachment[]> {
    const media_ids = idsOf(refs);
    if (media_ids.length === 0) return [];
    const viewer_ids = [senderId, recipientId];
    const wish = { message_id: messageId, media_ids: media_ids.slice(0, LIMIT), uploader_id: senderId, viewer_ids };
    return (await this.media.attach(wish)).attachments;
  }

  /** @returns undefined if media could not be asked: the event of the message links them later */
  async tryLink(messageId: string, senderId: string, recipientId: string, refs: Refs) {
    return this.link(messageId, senderId, recipientId, refs).catch((error: unknown) => {
      this.log.warn({ err: error }, 'the files of a message are linked later');
      return undefined;
    });
  }

  /** Accepting a message has done it already; this is for when media could not be asked then. */
  async linkQueued(messageId: string, senderId: string, recipientId: string): Promise<void> {
    await this.link(messageId, senderId, recipientId, await this.deliveries.mediaRefs(messageId));
  }

  /** @returns undefined if media could not be asked */
  private async ask(messageIds: readonly string[]): Promise<Map<string, MessageAttachment[]> | undefined> {
    const found = new Map<string, MessageAttachment[]>();
    try {
      for (let from = 0; from < messageIds.length; from += BATCH) {
        const { attachments } = await this.media.ofMessages({ message_ids: messageIds.slice(from, from + BATCH) });
        for (const attachment of attachments) {
          const list = found.get(attachment.message_id);
          if (list) list.push(attachment);
          else found.set(attachment.message_id, [attachment]);
        }
      }
      return found;
    } catch (error) {
      this.log.warn({ err: error }, 'messages are shown without their files');
      return undefined;
    }
  }
}

const idsOf = (refs: Refs): string[] => (refs ?? []).flatMap(({ id }) => Uuid.safeParse(id).data ?? []);

/**
 * What the devices of a recipient are told about the files of a message: what media keeps, in the order that the sender named them in. His
 * own words would be believed by a page that fails on a wrong one. They stand only where media could not be asked, and then only if they
 * are of the form that an upload answers.
 *
 * @param sent null: the message speaks of no files
 */
export function toRefs(sent: Refs, attachments: readonly MessageAttachment[] | undefined): Record<string, unknown>[] | null {
  if (!sent) return null;
  if (!attachments) return sent.filter(isPlausible).map((ref) => ({ ...ref }));
  const byId = new Map(attachments.map((attachment) => [attachment.id, attachment]));
  return [...new Set(idsOf(sent))].flatMap((id) => {
    const found = byId.get(id);
    if (!found) return [];
    const { file_name, file_type, file_size, file_url, category } = found;
    return { id, file_name, file_type, file_size, file_url, category };
  });
}

function isPlausible({ file_name, file_type, file_url, category }: Readonly<Record<string, unknown>>): boolean {
  return (
    [file_name, file_type, category].every((word) => typeof word === 'string') &&
    typeof file_url === 'string' &&
    /^\/api\/v1\/media\/files\/[\w.-]+$/.test(file_url)
  );
}

/** A video is a document here, as it always was: the web client looks at its type. */
export function toAttachment({ message_id: _, ...attachment }: MessageAttachment): Attachment {
  return { ...attachment, category: attachment.file_type.startsWith('image/') ? 'image' : 'document' };
}
