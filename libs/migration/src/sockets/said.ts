import type { Frame } from '@banyan/websocket/contract';

/** The type stands first in what the monolith writes; the rest is only read when it matters. */
const TYPE = /^\s*\{\s*"type"\s*:\s*"([a-z_]+)"/;

/** Of a frame of the monolith; undefined if it is none. */
export function typeOf(text: string): string | undefined {
  return TYPE.exec(text)?.[1] ?? typeAsked(text);
}

/**
 * Of a frame of a client; undefined if it is none, or none to every server alike. All of it is read: he may say `type` twice, and the last
 * one counts for whoever gets the frame.
 */
export function typeAsked(text: string): string | undefined {
  const type = parsed(text)?.['type'];
  return typeof type === 'string' ? type : undefined;
}

/** What is under way as one thing, whoever says it: of these nothing is sent to a socket twice. */
const NAMED = new Set(['relay_message', 'new_message', 'message_sent', 'new_group_message', 'group_message_sent']);
const PRESENCE = new Set(['connection_established', 'user_online', 'user_offline', 'contact_added']);

/** A frame of the monolith, as far as we have to know what is in it. */
export function readSaid(text: string): Frame {
  const type = typeOf(text) ?? '';
  if (!NAMED.has(type) && !PRESENCE.has(type)) return { type, id: '', body: {} };
  const body = (parsed(text) ?? {}) as { data?: { id?: unknown }; message_id?: unknown };
  const id = type === 'relay_message' ? body.data?.id : body.message_id;
  return { type, id: NAMED.has(type) && typeof id === 'string' ? id : '', body };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
