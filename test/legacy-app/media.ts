import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { nowMicros, withOffset } from './clock';
import { fileAnswer } from './files';
import { Answer, type Call, HttpError } from './http';
import { missing, parseUuid, text } from './kinds';
import type { Legacy } from './legacy';
import type { Attachment } from './messages';
import { parseMultipart, type Part } from './multipart';
import { type Router, unprocessable } from './router';

const SIZE_LIMIT = 50 * 1024 * 1024;

const TYPES: Readonly<Record<string, readonly [category: string, type: string]>> = {
  '.jpg': ['image', 'image/jpeg'],
  '.jpeg': ['image', 'image/jpeg'],
  '.png': ['image', 'image/png'],
  '.gif': ['image', 'image/gif'],
  '.webp': ['image', 'image/webp'],
  '.bmp': ['image', 'image/bmp'],
  '.pdf': ['document', 'application/pdf'],
  '.doc': ['document', 'application/msword'],
  '.docx': ['document', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  '.txt': ['document', 'text/plain; charset=utf-8'],
  '.zip': ['document', 'application/zip'],
  '.rar': ['document', 'application/vnd.rar'],
  '.mp4': ['video', 'video/mp4'],
  '.avi': ['video', 'video/x-msvideo'],
  '.mov': ['video', 'video/quicktime'],
  '.mkv': ['video', 'video/x-matroska'],
  '.webm': ['video', 'video/webm'],
};

/** By the last extension, in any case. */
const typeOf = (name: string) => TYPES[extname(name).toLowerCase()];

export function mediaRoutes(router: Router, { db, settings: { uploads } }: Legacy): void {
  const path = (rest: string) => `/api/v1/media${rest}`;

  router.on('POST', path('/upload'), { auth: true }, async ({ call }) => {
    const file = fileOf(call);
    const category = typeOf(file.filename)?.[0];
    if (!category) throw new HttpError(400, 'File type not allowed');
    if (file.content.length > SIZE_LIMIT) throw new HttpError(400, 'File too large (max 50MB)');
    const name = `${randomUUID()}${extname(file.filename)}`;
    await writeFile(join(uploads, name), file.content);
    const id = randomUUID();
    const shown = { file_name: file.filename, file_type: file.contentType ?? 'application/octet-stream', file_size: file.content.length };
    const file_url = path(`/files/${name}`);
    await db.query(
      `INSERT INTO media_attachments (id, message_id, file_name, file_type, file_size, file_url, created_at)
       VALUES ($1, NULL, $2, $3, $4, $5, $6::timestamptz)`,
      [id, ...Object.values(shown), file_url, withOffset(nowMicros())],
    );
    return { id, ...shown, file_url, category };
  });

  const file = { path: { filename: text() } };
  router.on('GET', path('/files/{filename}'), file, async ({ call, path: { filename } }) => {
    const [category, type] = typeOf(filename) ?? ['document', 'application/octet-stream'];
    const disposition = category === 'document' ? 'attachment' : 'inline';
    const headers = {
      'content-type': type,
      'cache-control': 'public, max-age=31536000',
      'access-control-allow-origin': '*',
      'content-disposition': `${disposition}; filename="${encodeURIComponent(filename)}"`,
    };
    const answer = await fileAnswer(join(uploads, filename), headers, call.headers);
    if (!answer) throw new HttpError(404, `File not found: ${filename}. The file may have been removed.`);
    return answer;
  });
  router.on('OPTIONS', path('/files/{filename}'), file, () => {
    const methods = { 'access-control-allow-methods': 'GET, OPTIONS', 'access-control-allow-headers': '*' };
    return new Answer(200, { 'access-control-allow-origin': '*', ...methods });
  });

  router.on('GET', path('/message/{message_id}'), { auth: true, path: { message_id: text() } }, async ({ path: { message_id } }) => {
    const rows = await db.query<Attachment>('SELECT * FROM media_attachments WHERE message_id = $1', [uuidOf(message_id)]);
    return rows.map(({ id, file_name, file_type, file_size, file_url, created_at }) => {
      return { id, file_name, file_type, file_size, file_url, category: typeOf(file_name)?.[0] ?? 'document', created_at };
    });
  });

  /** Whoever asks. */
  router.on('DELETE', path('/{media_id}'), { auth: true, path: { media_id: text() } }, async ({ path: { media_id } }) => {
    const [gone] = await db.query<Attachment>('DELETE FROM media_attachments WHERE id = $1 RETURNING *', [uuidOf(media_id)]);
    if (!gone) throw new HttpError(404, 'Media not found');
    await rm(join(uploads, basename(gone.file_url)), { force: true });
    return { message: 'Media deleted successfully' };
  });
}

/** @throws HttpError 400 for a broken form, 422 if there is no file in it */
function fileOf({ headers, body }: Call): Part & { filename: string } {
  const parts = parseMultipart(headers['content-type'], body);
  if (!parts) throw new HttpError(400, 'There was an error parsing the body');
  const part = parts.findLast(({ name }) => name === 'file');
  if (part?.filename !== undefined) return { ...part, filename: part.filename };
  const loc = ['body', 'file'];
  if (!part) throw unprocessable(missing(null).faults.map((fault) => ({ ...fault, loc })));
  const msg = "Value error, Expected UploadFile, received: <class 'str'>";
  throw unprocessable([{ type: 'value_error', loc, msg, input: part.content.toString(), ctx: { error: {} } }]);
}

/** Ids of this section are plain text up to here: a bad one is a 500. */
function uuidOf(typed: string): string {
  const id = parseUuid(typed);
  if (id === undefined) throw new Error('badly formed hexadecimal UUID string');
  return id;
}
