import type { ReceivedFrame } from '../support/socket-client';

/**
 * - `lost`: accepted, and never seen on a socket of its recipient that was open all the time
 * - `doubled`: shown or confirmed twice on one socket
 * - `invented`: shown to somebody whom it was not for, or altered
 * - `unstored`: shown or confirmed, and not stored
 * - `closed`: a socket that was to stay open
 */
export type SocketFault = 'lost' | 'doubled' | 'invented' | 'unstored' | 'closed';

/** What a client asked. Its content is nobody else's. */
export interface SentOnce {
  readonly from: string;
  readonly to: string;
  readonly content: string;
  /** The id that was answered to a request; undefined if none was, or if it was sent on a socket. */
  readonly acceptedAs?: string;
}

export interface WatchedSocket {
  readonly name: string;
  readonly userId: string;
  readonly frames: readonly ReceivedFrame[];
  readonly closedWith: number | undefined;
  /** It may close, and is not asked for what came meanwhile. */
  readonly mayClose?: boolean;
}

export interface SocketEvidence {
  readonly sent: readonly SentOnce[];
  readonly sockets: readonly WatchedSocket[];
  /** Ids of all messages that are stored in the end. */
  readonly stored: ReadonlySet<string>;
}

/** Judges what sockets showed, in the end, when nothing is under way any more. @returns one line for each fault and message */
export function checkSockets({ sent, sockets, stored }: SocketEvidence): string[] {
  const found = new Set<string>();
  const byContent = new Map(sent.map((one) => [one.content, one]));
  for (const { name, userId, frames, closedWith, mayClose = false } of sockets) {
    const report = (fault: SocketFault, what: string) => found.add(`${fault}: ${what} on ${name}`);
    const seen = new Set<string>();
    for (const frame of frames) {
      const id = idOf(frame);
      if (id === undefined) continue;
      const kind = frame.type === 'message_sent' ? 'confirmed' : 'shown';
      if (seen.has(`${kind} ${id}`)) report('doubled', `${kind} ${id}`);
      seen.add(`${kind} ${id}`);
      if (!stored.has(id)) report('unstored', `${kind} ${id}`);
      if (kind === 'confirmed') continue;
      const shown = (frame.type === 'relay_message' ? frame['data'] : frame) as Record<string, unknown>;
      const origin = byContent.get(String(shown['encrypted_content']));
      if (origin?.to !== userId || origin.from !== shown['sender_id'] || (origin.acceptedAs ?? id) !== id) report('invented', id);
    }
    if (closedWith !== undefined && !mayClose) report('closed', String(closedWith));
    if (mayClose) continue;
    for (const { to, acceptedAs } of sent)
      if (to === userId && acceptedAs !== undefined && !seen.has(`shown ${acceptedAs}`)) report('lost', acceptedAs);
  }
  return [...found];
}

function idOf(frame: ReceivedFrame): string | undefined {
  if (frame.type === 'relay_message') return (frame['data'] as { id: string }).id;
  return frame.type === 'new_message' || frame.type === 'message_sent' ? String(frame['message_id']) : undefined;
}
