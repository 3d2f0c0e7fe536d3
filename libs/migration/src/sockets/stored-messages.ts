import { setTimeout as pause } from 'node:timers/promises';
import { normaliseUuid, Uuid } from '@banyan/platform/contract';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { Frame } from '@banyan/websocket/contract';
import { LRUCache } from 'lru-cache';

/** What says that a message is stored, or shows it. */
const CONFIRMING = new Set(['relay_message', 'new_message', 'message_sent']);
/** The monolith commits before it speaks; what cannot be told now can be in a moment. */
const PAUSES_MS = [50, 200, 1_000];
const REMEMBERED = 20_000;

export interface StoredMessagesParts {
  /** Whether the messages of new code and of the monolith are the same rows. */
  readonly isShared: () => boolean;
  /** Rejects if that cannot be told. */
  readonly exists: (messageId: string) => Promise<boolean>;
  readonly log: Logger;
}

/** The monolith shows and confirms messages that it failed to store. Its word is passed on when the row is there. */
export class StoredMessages {
  private readonly known = new LRUCache<string, true>({ max: REMEMBERED });

  constructor(private readonly parts: StoredMessagesParts) {}

  async allows({ type, id }: Frame): Promise<boolean> {
    if (!CONFIRMING.has(type) || !this.parts.isShared()) return true;
    const messageId = normaliseUuid(id);
    if (this.known.has(messageId)) return true;
    const isStored = Uuid.safeParse(messageId).success && (await this.isStored(messageId));
    if (isStored) this.known.set(messageId, true);
    else this.parts.log.error({ type, message_id: id }, 'the monolith told on a socket of a message that it has not stored');
    return isStored;
  }

  private async isStored(messageId: string): Promise<boolean> {
    for (const pauseMs of [...PAUSES_MS, undefined]) {
      const isThere = await this.parts.exists(messageId).catch(() => undefined);
      if (isThere || pauseMs === undefined) return isThere === true;
      await pause(pauseMs);
    }
    return false;
  }
}
