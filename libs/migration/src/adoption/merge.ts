import { z } from 'zod';

const Pending = z.looseObject({ count: z.number(), messages: z.array(z.unknown()) });

/** What is known of a user's queue on our side. */
export interface OwnQueue {
  /** In the form of `GET /relay/pending`. */
  readonly messages: readonly { readonly id: string }[];
  /** Ids that must not be handed out any more, though legacy still has them. */
  readonly settled: readonly string[];
}

/** The ids of the messages in an answer of legacy's `GET /relay/pending`; none if it is none. */
export function idsOf(body: unknown): string[] {
  const { data } = Pending.safeParse(body);
  return data?.messages.flatMap((message) => idOf(message) ?? []) ?? [];
}

/**
 * Legacy's answer to `GET /relay/pending` with what waits on our side: legacy's messages as they are, without those that are settled,
 * and ours, each id once, the oldest first: somebody whose own route moved has sent to both sides in turn. An answer of another shape
 * comes back as it is.
 */
export function mergePending(body: unknown, { messages, settled }: OwnQueue): unknown {
  const { data } = Pending.safeParse(body);
  if (!data || (messages.length === 0 && settled.length === 0)) return body;
  const gone = new Set(settled);
  const theirs = data.messages.filter((message) => !gone.has(idOf(message) ?? ''));
  const seen = new Set(theirs.map(idOf));
  const ours = messages.filter(({ id }) => !seen.has(id));
  const all = [...theirs, ...ours];
  if (theirs.length > 0 && ours.length > 0) all.sort((a, b) => (sentAt(a) < sentAt(b) ? -1 : sentAt(a) > sentAt(b) ? 1 : 0));
  return { ...(body as object), count: all.length, messages: all };
}

function idOf(message: unknown): string | undefined {
  const id = (message as { id?: unknown } | null)?.id;
  return typeof id === 'string' ? id : undefined;
}

/** As text that sorts by time: legacy's instants end in `+00:00` and ours in `Z`, and a whole second has no fraction there. */
function sentAt(message: unknown): string {
  const at = (message as { created_at?: unknown } | null)?.created_at;
  return typeof at === 'string' ? at.replace(/(?:\+00:00|Z)$/, '') : '';
}
