import { command, contract, get, Int, post, query, Text, Timestamp, Uuid } from '@banyan/platform/contract';
import { adopt as adoptMessage, Draft, QueuedMessage, RecipientNotFound } from '@banyan/message/contract';
import { z } from 'zod';

/**
 * Queue a message for a user until he acknowledges it or `ttl_days` have passed (null and 0 mean 7); his other devices catch up
 * from history. Under the same key: one message, one answer.
 *
 * @returns `delivered` if at least one of the recipient's sockets took it; it stays queued all the same
 */
export const send = command({
  summary: 'Send a message: queued until the recipient acknowledges it, pushed to his open sockets.',
  http: post('/relay/send'),
  access: 'user',
  repeatable: 'by-key',
  input: Draft.extend({ ttl_days: Int({ min: -36_500, max: 36_500 }).nullish() }),
  output: z.object({ success: z.literal(true), message_id: Uuid, status: z.enum(['delivered', 'queued']), expires_at: Timestamp }),
  errors: [RecipientNotFound],
});

/**
 * Keep a message that the monolith's relay has taken, and has in its memory only, in our queue as well: `stored` is false if its row is
 * missing, and then nothing happens. Once, however often it is said.
 */
export const adopt = command({
  summary: "Keep a message of the monolith's queue in ours as well.",
  access: 'internal',
  repeatable: 'yes',
  input: adoptMessage.input,
  output: z.object({ stored: z.boolean() }),
});

const Queue = z.object({ success: z.literal(true), count: z.int(), messages: z.array(QueuedMessage) });

/**
 * The caller's queue, oldest first; a long one goes on when these are acknowledged. Each answer adds 1 to `delivery_attempts`. For whoever
 * asks again and again: a message that came in over a socket may be missing until its event has been heard.
 */
export const pending = query({
  summary: "The caller's queue, oldest first.",
  http: get('/relay/pending'),
  access: 'user',
  input: z.object({}),
  output: Queue,
  timeoutMs: 5_000,
});

/** The same for whoever asks once, and is shown what comes from then on: every message that had been accepted is in it. */
export const queue = query({
  summary: "The caller's queue, with every message that has been accepted.",
  access: 'user',
  input: z.object({}),
  output: Queue,
  timeoutMs: 5_000,
});

/** Take a message out of the caller's queue. Any text is fine; `not_found` for what is not (or no longer) in it. Under the same key: the first answer. */
export const acknowledge = command({
  summary: "Take a message out of the caller's queue.",
  http: post('/relay/acknowledge'),
  access: 'user',
  repeatable: 'by-key',
  input: z.object({ message_id: Text({ max: 1_000 }) }),
  output: z.object({ success: z.literal(true), message_id: z.string(), status: z.enum(['deleted', 'not_found']) }),
});

export const stats = query({
  summary: 'Figures of the queue.',
  http: get('/relay/stats'),
  access: 'user',
  input: z.object({}),
  output: z.object({
    success: z.literal(true),
    stats: z.object({
      total_messages: z.int(),
      deliverable_messages: z.int(),
      expired_messages: z.int(),
      acknowledged_messages: z.int(),
      online_users: z.int(),
      unique_recipients: z.int(),
    }),
  }),
});

/** Drop expired messages; harmless for whoever asks, and done every hour anyway. */
export const cleanup = command({
  summary: 'Drop expired messages.',
  http: post('/relay/cleanup'),
  access: 'user',
  repeatable: 'yes',
  input: z.object({}),
  output: z.object({ success: z.literal(true), deleted_count: z.int() }),
  timeoutMs: 10_000,
});

export const relayContract = contract('relay', { send, adopt, pending, queue, acknowledge, stats, cleanup });
