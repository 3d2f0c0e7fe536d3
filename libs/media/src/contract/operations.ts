import { command, contract, del, download, get, Int, query, Text, Timestamp, upload, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';
import {
  FileNotFound,
  FileRemoved,
  FileTooLarge,
  FileTypeNotAllowed,
  ImageTooLarge,
  MediaNotFound,
  NotTheUploader,
  QuotaExceeded,
  UploadNotFound,
} from './errors';
import { Attached, MessageAttachment, Uploaded } from './types';

/** Room for a file of the caller: where its bytes go, and how many may come. Over after an hour. Under the same key: the first answer. */
export const reserve = command({
  summary: 'Room for a file.',
  access: 'user',
  repeatable: 'by-key',
  input: z.object({ file_name: Text({ max: 255 }), file_type: Text({ max: 100 }) }),
  output: z.object({ upload_id: Uuid, key: z.string(), limit_bytes: z.int() }),
  errors: [FileTypeNotAllowed, QuotaExceeded],
});

/**
 * Store a file: one part `file`; other parts are ignored. What it is is decided by its extension and by its first bytes, which have to
 * agree. It waits so many hours (UPLOAD_UNLINKED_HOURS) for a message that refers to it. Under the same key: the first upload, never a second one.
 */
export const complete = command({
  summary: 'Upload a file.',
  http: upload('/media/upload', { file: 'file', reserve, tooLarge: FileTooLarge }),
  access: 'user',
  repeatable: 'by-key',
  input: z.object({ upload_id: Uuid, size_bytes: z.int().min(0), sha256: Text({ max: 64 }) }),
  output: Uploaded,
  errors: [FileTypeNotAllowed, FileTooLarge, ImageTooLarge, QuotaExceeded, UploadNotFound],
  timeoutMs: 15_000,
});

/**
 * The bytes of a file, by its unguessable name: whoever has the link may read it, because images and videos of a page carry no token.
 * The edge answers ranges and conditions. Only images and videos are shown inline, as what their bytes are; the rest is for saving.
 */
export const file = query({
  summary: 'The bytes of a file.',
  http: download('/media/files/{filename}'),
  access: 'public',
  legacy: false,
  input: z.object({ filename: Text({ max: 300 }) }),
  output: z.object({
    key: z.string(),
    size_bytes: z.int(),
    content_type: z.string(),
    /** Changes with the content. */
    etag: z.string(),
    modified_at: Timestamp,
    file_name: z.string(),
    inline: z.boolean(),
    max_age_seconds: z.int(),
  }),
  errors: [FileNotFound, FileRemoved],
});

/** Links that need no token and end after `expires_in_seconds`: to the object store itself. */
export const link = query({
  summary: 'A link to a file that expires.',
  http: get('/media/{media_id}/link'),
  access: 'user',
  legacy: false,
  input: z.object({ media_id: Uuid, expires_in_seconds: Int({ min: 1, max: 86_400 }).default(900) }),
  output: z.object({ url: z.string(), thumbnail_url: z.string().nullable(), expires_at: Timestamp }),
  errors: [MediaNotFound],
});

/** To its sender and its recipient; nothing of a message that the caller is no part of. */
export const ofMessage = query({
  summary: 'The attachments of a message.',
  http: get('/media/message/{message_id}'),
  access: 'user',
  input: z.object({ message_id: Uuid }),
  output: z.array(Attached),
});

/** Bytes of the caller's uploads, and how many there may be. */
export const usage = query({
  summary: 'What your uploads take up.',
  http: get('/media/usage'),
  access: 'user',
  legacy: false,
  input: z.object({}),
  output: z.object({ used_bytes: z.int(), quota_bytes: z.int() }),
});

/** Its uploader only; of one that the monolith took, the sender of its message. */
export const remove = command({
  summary: 'Delete an upload.',
  http: del('/media/{media_id}'),
  access: 'user',
  repeatable: 'by-key',
  input: z.object({ media_id: Uuid }),
  output: z.object({ message: z.literal('Media deleted successfully') }),
  errors: [MediaNotFound, NotTheUploader],
});

/**
 * Link uploads to a message. Only those of `uploader_id` that are linked to none, or to this one; the others are left out.
 *
 * @returns all of `media_ids` that are linked to it now, in their order
 */
export const attach = command({
  summary: 'Link uploads to a message.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({
    message_id: Uuid,
    media_ids: z.array(Uuid).max(100),
    uploader_id: Uuid,
    viewer_ids: z.array(Uuid).max(1_000),
  }),
  output: z.object({ attached: z.array(Uuid), attachments: z.array(MessageAttachment) }),
});

/** The attachments of many messages, of each in the order of upload. Whoever asks knows who may see them. */
export const ofMessages = query({
  summary: 'The attachments of many messages.',
  access: 'internal',
  input: z.object({ message_ids: z.array(Uuid).max(10_000) }),
  output: z.object({ attachments: z.array(MessageAttachment) }),
  timeoutMs: 5_000,
});

/** Remove what nothing refers to, and what was reserved and never came. Also done every hour. */
export const dropExpired = command({
  summary: 'Remove uploads that nothing refers to.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({}),
  output: z.object({ dropped: z.int() }),
  timeoutMs: 30_000,
});

/** Remove all uploads of a user, bytes included; from then on nothing is taken from him. */
export const purge = command({
  summary: 'Remove all uploads of a user.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({ user_id: Uuid }),
  output: z.object({}),
  timeoutMs: 5_000,
});

export const mediaContract = contract('media', {
  reserve,
  complete,
  file,
  link,
  ofMessage,
  usage,
  remove,
  attach,
  ofMessages,
  dropExpired,
  purge,
});
