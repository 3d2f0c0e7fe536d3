import { command, contract, del, get, Int, post as httpPost, put, query, Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';
import { MessageExists, MessageNotFound, NotTheRecipient, NotTheSender, OnlySenderDeletesForBoth, RecipientNotFound } from './errors';
import { Attachment, cryptoFields, Draft, Envelope, MediaRefs, Message, QueuedMessage, SessionKey, Signatures } from './types';

/** The longest that a message may wait, and the earliest past in which it may expire: a century. */
const TTL_LIMIT_DAYS = 36_500;

/**
 * Store a message from the caller to `recipient_id`; it waits in no queue, the recipient finds it in the conversation. Under the
 * same key: the first message, never a second one.
 */
export const send = command({
  summary: 'Store a message.',
  http: httpPost('/messages/send'),
  access: 'user',
  repeatable: 'by-key',
  input: z.object({
    sender_id: Uuid,
    recipient_id: Uuid,
    encrypted_content: Envelope,
    encrypted_session_key: SessionKey,
    sender_encrypted_content: Envelope.nullish(),
    ...cryptoFields,
    signatures: Signatures.nullish(),
  }),
  output: Message,
  errors: [NotTheSender, RecipientNotFound],
});

/**
 * The messages between the caller and another user, oldest first, complete; or the newest `limit` of them, and those before the
 * message `before`. Empty for an unknown user.
 */
export const conversation = query({
  summary: 'The messages between the caller and another user, oldest first.',
  http: get('/messages/conversation/{other_user_id}'),
  access: 'user',
  input: z.object({ other_user_id: Uuid, limit: Int({ min: 1, max: 1_000 }).nullish(), before: Uuid.nullish() }),
  output: z.array(Message),
  timeoutMs: 5_000,
});

export const markRead = command({
  summary: 'Mark a message as read; only its recipient can.',
  http: put('/messages/{message_id}/read'),
  access: 'user',
  repeatable: 'yes',
  input: z.object({ message_id: Uuid }),
  output: z.object({ status: z.literal('Message marked as read') }),
  errors: [MessageNotFound, NotTheRecipient],
});

/** For oneself (`me`) it is hidden; for `both`, which only the sender can, its content is erased and it leaves the recipient's queue. */
export const remove = command({
  summary: 'Delete a message for oneself or for both sides.',
  http: del('/messages/{message_id}'),
  access: 'user',
  repeatable: 'yes',
  input: z.object({ message_id: Uuid, for: z.enum(['me', 'both']).default('me') }),
  output: z.object({ status: z.literal('Message deleted') }),
  errors: [MessageNotFound, OnlySenderDeletesForBoth],
});

/**
 * Store a message from the caller and put it into the recipient's queue for `ttl_days` (0 and null mean 7, a negative one is
 * expired at once). Under the same key: the first message, never a second one. The caller's uploads that `media_refs` names are linked to it.
 *
 * @returns its place in the queue (`position`) rises with the order in which messages were stored
 */
export const accept = command({
  summary: "Store a message and put it into the recipient's queue.",
  access: 'user',
  repeatable: 'by-key',
  input: Draft.extend({ ttl_days: Int({ min: -TTL_LIMIT_DAYS, max: TTL_LIMIT_DAYS }).nullish() }),
  output: z.object({ message_id: Uuid, position: z.int(), created_at: Timestamp, expires_at: Timestamp, media_refs: MediaRefs }),
  errors: [RecipientNotFound],
});

/** The caller's queue in its order, up to 5,000 messages or 8 MB; `complete` if no other waits. Each answer counts as one more attempt to deliver. */
export const pending = command({
  summary: "The caller's queue.",
  access: 'user',
  repeatable: 'yes',
  input: z.object({}),
  output: z.object({ messages: z.array(QueuedMessage.extend({ position: z.int() })), complete: z.boolean() }),
  timeoutMs: 5_000,
});

/**
 * Store a message from the caller under an id that he may choose, and put it into the recipient's queue as `accept` does. Under the same
 * key: the first message, never a second one. Of `media_ids` the caller's uploads that belong to no message are linked to it; `attachments`
 * are those that it has.
 */
export const post = command({
  summary: "Store a message under an id of the sender's choice and queue it.",
  access: 'user',
  repeatable: 'by-key',
  input: z.object({
    message_id: Uuid.nullish(),
    recipient_id: Uuid,
    encrypted_content: Envelope,
    encrypted_session_key: SessionKey,
    ...cryptoFields,
    media_ids: z.array(Uuid).max(100).optional(),
  }),
  output: z.object({ message_id: Uuid, created_at: Timestamp, attachments: z.array(Attachment) }),
  errors: [RecipientNotFound, MessageExists],
});

/** A message that waits in its recipient's queue; null if it does not (any more). Not counted as an attempt to deliver. */
export const queued = query({
  summary: 'A message that waits in a queue.',
  access: 'internal',
  input: z.object({ message_id: Uuid }),
  output: z.object({ message: QueuedMessage.nullable() }),
});

/**
 * Note that the caller has, or with `read` has read, a message that `sender_id` sent to him. Said to others once (`message.received`,
 * `message.read`), however often it is repeated.
 */
export const confirmReceipt = command({
  summary: 'Note that the caller has received or read a message.',
  access: 'user',
  repeatable: 'yes',
  input: z.object({ message_id: Uuid, sender_id: Uuid, read: z.boolean().default(false) }),
  output: z.object({ is_known: z.boolean() }),
});

/** Whether one of the two has ever written to the other. */
export const haveWritten = query({
  summary: 'Whether two users have written to each other.',
  access: 'internal',
  input: z.object({ user_id: Uuid, other_id: Uuid }),
  output: z.object({ written: z.boolean() }),
});

/**
 * Put a message that the monolith has stored and keeps in its memory into the recipient's queue here as well, under its id; once, however
 * often it is said. Nothing happens if it is not stored.
 *
 * @returns its place, null if it was here before; and nothing of it if it is not stored
 */
export const adopt = command({
  summary: "Put a message of the monolith's queue into ours as well.",
  access: 'internal',
  repeatable: 'yes',
  input: z.object({
    message_id: Uuid,
    /** When the monolith drops it; null for its usual seven days. */
    expires_at: Timestamp.nullable(),
    signatures: Signatures.nullish(),
    media_refs: Signatures.nullish(),
  }),
  output: z.object({ stored: z.object({ recipient_id: Uuid, position: z.int().nullable() }).nullable() }),
});

/**
 * Take a message out of the caller's queue; it stays in the conversation. Not found: not his, acknowledged before, or expired. Under
 * the same key: the first answer. `adopted`: the monolith may have it in its memory too.
 */
export const acknowledge = command({
  summary: "Take a message out of the caller's queue.",
  access: 'user',
  repeatable: 'by-key',
  input: z.object({ message_id: Uuid }),
  output: z.object({ found: z.boolean(), adopted: z.boolean().optional() }),
});

/** Whether a message is stored, whoever asks: the monolith confirms some that are not. */
export const exists = query({
  summary: 'Whether a message is stored.',
  access: 'internal',
  input: z.object({ message_id: Uuid }),
  output: z.object({ exists: z.boolean() }),
});

/**
 * Note that the caller has acknowledged a message that waited for him in the monolith's memory, and perhaps here too; from then on it
 * is `settled`, also if it is adopted only after that. `sender_id` may be left out for one that is stored. Not found: it was
 * acknowledged before, or is not his. Under the same key: the first answer.
 */
export const acknowledgeAdopted = command({
  summary: "Note that the caller acknowledged a message of the monolith's queue.",
  access: 'user',
  repeatable: 'by-key',
  input: z.object({ message_id: Uuid, sender_id: Uuid.nullish() }),
  output: z.object({ found: z.boolean() }),
});

/** Which of these messages must not be handed out any more, wherever they wait: acknowledged by the caller, or deleted for both sides. */
export const settled = query({
  summary: 'Which of these messages must not be handed out any more.',
  access: 'user',
  input: z.object({ message_ids: z.array(Uuid).max(100_000) }),
  output: z.object({ settled: z.array(Uuid) }),
  timeoutMs: 5_000,
});

export const queueStats = query({
  summary: 'How many messages wait, and for how many recipients.',
  access: 'internal',
  input: z.object({}),
  output: z.object({ total: z.int(), deliverable: z.int(), expired: z.int(), recipients: z.int() }),
});

/** Forget deliveries that have expired. Also done every hour. */
export const dropExpired = command({
  summary: 'Forget deliveries that have expired.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({}),
  output: z.object({ dropped: z.int() }),
  timeoutMs: 10_000,
});

/**
 * Erase everything from and to a user. From then on nothing is taken from or for him, so that what was under way leaves nothing
 * behind either.
 */
export const purge = command({
  summary: 'Erase everything from and to a user.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({ user_id: Uuid }),
  output: z.object({}),
  timeoutMs: 5_000,
});

export const messageContract = contract('message', {
  send,
  conversation,
  markRead,
  remove,
  accept,
  post,
  queued,
  confirmReceipt,
  haveWritten,
  pending,
  acknowledge,
  exists,
  adopt,
  acknowledgeAdopted,
  settled,
  queueStats,
  dropExpired,
  purge,
});
