import { randomUUID } from 'node:crypto';
import type { Legacy } from './legacy';
import { withOffset, nowMicros } from './clock';
import { bytes, type Queryable } from './database';
import { HttpError } from './http';
import { pythonJson } from './json';
import { dictionary, list, model, optional, text, uuid } from './kinds';
import type { Router } from './router';
import { findUser } from './users-table';

export interface NewMessage {
  readonly id: string;
  readonly sender_id: string;
  readonly recipient_id: string;
  readonly encrypted_content: string;
  readonly encrypted_session_key: string;
  readonly sender_encrypted_content?: string | null;
  readonly crypto_version?: string;
  readonly encryption_algorithm?: string;
  readonly kdf_algorithm?: string;
  readonly has_media?: boolean;
}

/** Content and session key are bytes in one of the two variants. */
interface MessageRow {
  readonly id: string;
  readonly sender_id: string;
  readonly recipient_id: string;
  readonly encrypted_content: string | Buffer;
  readonly encrypted_session_key: string | Buffer;
  readonly sender_encrypted_content: string | null;
  readonly crypto_version: string;
  readonly encryption_algorithm: string;
  readonly kdf_algorithm: string;
  readonly signatures: unknown;
  readonly is_read: boolean | null;
  readonly created_at: string | null;
}

export interface Attachment {
  readonly id: string;
  readonly message_id: string | null;
  readonly file_name: string;
  readonly file_type: string;
  readonly file_size: number;
  readonly file_url: string;
  readonly thumbnail_url: string | null;
  readonly created_at: string | null;
}

const Sent = model({
  sender_id: uuid,
  recipient_id: uuid,
  encrypted_content: text(),
  encrypted_session_key: text(),
  crypto_version: optional(text()),
  encryption_algorithm: optional(text()),
  kdf_algorithm: optional(text()),
  signatures: optional(list(dictionary)),
});

export function messageRoutes(router: Router, { db, faults }: Legacy): void {
  const path = (rest: string) => `/api/v1/messages${rest}`;

  /** Nobody's token is read, what was sent besides the content is dropped, and no socket hears of it. */
  router.on('POST', path('/send'), { body: Sent }, async ({ body }) => {
    const { sender_id, recipient_id, encrypted_content, encrypted_session_key } = body;
    if (!(await findUser(db, recipient_id))) throw new HttpError(404, 'Recipient not found');
    const message = { id: randomUUID(), sender_id, recipient_id, encrypted_content, encrypted_session_key };
    return shown(await insertMessage(db, faults, message), []);
  });

  const between = { auth: true, path: { other_user_id: uuid } } as const;
  router.on('GET', path('/conversation/{other_user_id}'), between, async ({ user, path: { other_user_id } }) => {
    const messages = await db.query<MessageRow>(
      `SELECT * FROM messages WHERE (sender_id = $1 AND recipient_id = $2) OR (sender_id = $2 AND recipient_id = $1) ORDER BY created_at`,
      [user.id, other_user_id],
    );
    const attachments = await attachmentsOf(
      db,
      messages.map(({ id }) => id),
    );
    return messages.map((message) => shown(message, attachments.get(message.id) ?? []));
  });

  router.on('PUT', path('/{message_id}/read'), { path: { message_id: uuid } }, async ({ path: { message_id } }) => {
    const marked = await db.query('UPDATE messages SET is_read = true, updated_at = $2::timestamptz WHERE id = $1 RETURNING id', [
      message_id,
      withOffset(nowMicros()),
    ]);
    if (marked.length === 0) throw new HttpError(404, 'Message not found');
    return { status: 'Message marked as read' };
  });
}

/** @throws Error what the database says, or that a test wants writes to fail */
export async function insertMessage(db: Queryable, faults: Legacy['faults'], message: NewMessage): Promise<MessageRow> {
  if (faults.failsMessageWrites) throw new Error('messages cannot be written: a test wants it so');
  const [row] = await db.query<MessageRow>(
    `INSERT INTO messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content, crypto_version,
       encryption_algorithm, kdf_algorithm, signatures, is_read, is_deleted, has_media, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, false, false, $11, $12::timestamptz, $12::timestamptz) RETURNING *`,
    [
      message.id,
      message.sender_id,
      message.recipient_id,
      bytes(message.encrypted_content),
      bytes(message.encrypted_session_key),
      message.sender_encrypted_content ?? null,
      message.crypto_version ?? 'v1',
      message.encryption_algorithm ?? 'ECDH-AES256-GCM',
      message.kdf_algorithm ?? 'HKDF-SHA256',
      pythonJson([]),
      message.has_media ?? false,
      withOffset(nowMicros()),
    ],
  );
  return row!;
}

/** By message. */
export async function attachmentsOf(db: Queryable, messageIds: readonly string[]): Promise<Map<string, Attachment[]>> {
  const rows = await db.query<Attachment & { message_id: string }>('SELECT * FROM media_attachments WHERE message_id = ANY ($1::uuid[])', [
    messageIds,
  ]);
  const found = new Map<string, Attachment[]>();
  for (const row of rows) found.set(row.message_id, [...(found.get(row.message_id) ?? []), row]);
  return found;
}

/** A video is a document here. */
export const categoryByType = (fileType: string): string => (fileType.startsWith('image/') ? 'image' : 'document');

function shown(row: MessageRow, attachments: readonly Attachment[]) {
  return {
    id: row.id,
    sender_id: row.sender_id,
    recipient_id: row.recipient_id,
    encrypted_content: String(row.encrypted_content),
    encrypted_session_key: String(row.encrypted_session_key),
    sender_encrypted_content: row.sender_encrypted_content,
    crypto_version: row.crypto_version,
    encryption_algorithm: row.encryption_algorithm,
    kdf_algorithm: row.kdf_algorithm,
    signatures: row.signatures ?? [],
    is_read: row.is_read ?? false,
    created_at: row.created_at,
    has_media: attachments.length > 0,
    media_attachments: attachments.map(({ id, file_name, file_type, file_size, file_url, thumbnail_url, created_at }) => ({
      id,
      file_name,
      file_type,
      file_size,
      file_url,
      category: categoryByType(file_type),
      thumbnail_url,
      created_at,
    })),
  };
}
