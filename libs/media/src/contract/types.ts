import { Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

/** Decided by the name's extension. */
export const Category = z.enum(['image', 'video', 'document']);

/** What an upload answers. `file_url` is its right to be read: whoever has it may. */
export const Uploaded = z.object({
  id: Uuid,
  file_name: z.string(),
  file_type: z.string(),
  file_size: z.int(),
  file_url: z.string(),
  category: Category,
});
export type Uploaded = z.output<typeof Uploaded>;

/** An attachment of a message. */
export const Attached = Uploaded.extend({ created_at: Timestamp });
export type Attached = z.output<typeof Attached>;

/** The same, for a conversation. */
export const MessageAttachment = Attached.extend({ message_id: Uuid, thumbnail_url: z.string().nullable() });
export type MessageAttachment = z.output<typeof MessageAttachment>;
