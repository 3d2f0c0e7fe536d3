import { randomUUID } from 'node:crypto';
import { localNow, naiveNow } from './clock';
import { receiveGroupMessage } from './group-messages';
import { type Dictionary, isDictionary, parseUuid } from './kinds';
import type { Legacy } from './legacy';
import { type Attachment, categoryByType, insertMessage } from './messages';

type Handle = (legacy: Legacy, senderId: string, payload: Dictionary) => Promise<void> | void;

const handlers: Readonly<Record<string, Handle>> = {
  message: receiveMessage,
  group_message: receiveGroupMessage,

  delivery_confirmation({ sockets }, _, { sender_id, message_id = null }) {
    sockets.send(sender_id, { type: 'message_delivered', message_id, timestamp: localNow() });
  },

  typing({ sockets }, senderId, { recipient_id, is_typing = false }) {
    sockets.send(recipient_id, { type: 'typing', sender_id: senderId, is_typing });
  },

  /** To anybody, about anybody. */
  contact_added({ sockets }, _, { inviter_id, contact_id = null, username = null, email = null, full_name = null }) {
    const contact = { contact_id, user_id: contact_id, username, email, full_name };
    sockets.send(inviter_id, { type: 'contact_added', ...contact, is_online: false, timestamp: localNow() });
  },
};

/** What is no frame of a client is ignored; there are no error frames. `read_confirmation` is among it. */
export async function receive(legacy: Legacy, senderId: string, text: string): Promise<void> {
  try {
    const frame: unknown = JSON.parse(text);
    if (!isDictionary(frame) || !isDictionary(frame.payload) || typeof frame.type !== 'string') return;
    if (Object.hasOwn(handlers, frame.type)) await handlers[frame.type]!(legacy, senderId, frame.payload);
  } catch {
    // a broken frame, or a handler's fault: nothing is told to anybody
  }
}

/** Stored if that works, and delivered and confirmed in any case. An offline recipient hears nothing: it does not go into the relay queue. */
async function receiveMessage(legacy: Legacy, senderId: string, payload: Dictionary): Promise<void> {
  const { recipient_id, encrypted_content = null, encrypted_session_key = null } = payload;
  if (!recipient_id) return;
  const stored = await store(legacy, senderId, payload).catch(() => ({
    message_id: payload.message_id ?? null,
    timestamp: naiveNow(),
    media_attachments: [],
  }));
  const { message_id, timestamp, media_attachments } = stored;
  const content = { encrypted_content, encrypted_session_key, timestamp, has_media: media_attachments.length > 0, media_attachments };
  legacy.sockets.send(recipient_id, { type: 'new_message', sender_id: senderId, message_id, ...content });
  legacy.sockets.send(senderId, { type: 'message_sent', message_id, status: 'sent', timestamp });
}

/** @throws Error if an id is none or taken, a user is unknown, the database is away … */
function store({ db, faults }: Legacy, senderId: string, payload: Dictionary) {
  const { message_id, recipient_id, encrypted_content, encrypted_session_key, media_ids } = payload;
  return db.transaction(async (tx) => {
    const message = await insertMessage(tx, faults, {
      id: message_id ? uuidOf(message_id) : randomUUID(),
      sender_id: senderId,
      recipient_id: uuidOf(recipient_id),
      encrypted_content: pythonText(encrypted_content),
      encrypted_session_key: encrypted_session_key ? pythonText(encrypted_session_key) : 'default-key',
    });
    const ids = Array.isArray(media_ids) ? media_ids.flatMap((typed) => parseUuid(String(typed)) ?? []) : [];
    const linked = await tx.query<Attachment>('UPDATE media_attachments SET message_id = $1 WHERE id = ANY ($2::uuid[]) RETURNING *', [
      message.id,
      ids,
    ]);
    const media_attachments = linked.map(({ id, file_name, file_type, file_size, file_url }) => ({
      id,
      file_name,
      file_type,
      file_size,
      file_url,
      category: categoryByType(file_type),
    }));
    return { message_id: message.id as unknown, timestamp: message.created_at, media_attachments };
  });
}

/** What was no text is stored as Python prints it: `None` for nothing. */
function pythonText(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function uuidOf(typed: unknown): string {
  const id = parseUuid(String(typed));
  if (id === undefined) throw new Error('badly formed hexadecimal UUID string');
  return id;
}
