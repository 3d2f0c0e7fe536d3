import { setTimeout as pause } from 'node:timers/promises';
import { type Input, normaliseUuid, type Operation, Uuid } from '@banyan/platform/contract';
import { adopt } from '@banyan/relay/contract';
import type { Logger } from '@banyan/platform/telemetry/log';
import { NotConfirmed, NotStored } from './errors';
import { parsed } from './json';
import type { Revise } from './legacy-proxy';

/** Which field of an answer says that this message is stored. */
const CONFIRMED_BY: Readonly<Record<string, string>> = { 'relay.send': 'message_id', 'message.send': 'id' };

/** The monolith commits before it answers; what is not there after the last look is not there. */
const PAUSES_MS = [50, 200];

/** A message in the monolith's queue, as it and its sender told of it. */
export type Adoptee = Input<typeof adopt>;

export interface AcknowledgementParts {
  /** Whether the messages of new code and of the monolith are the same rows: only then can one be missed. */
  readonly isShared: () => boolean;
  /** Whether a message is stored. Rejects if that cannot be told. */
  readonly exists: (messageId: string) => Promise<boolean>;
  /** Likewise, and from then on it waits in our queue as well. */
  readonly adopt: (message: Adoptee) => Promise<boolean>;
  readonly count: (operation: string, messageId: string) => Promise<void>;
  readonly log: Logger;
}

/**
 * The monolith confirms messages whose row it failed to write. Its word is passed on when the row is there. And it keeps its queue in its
 * memory: what it has queued waits in ours as well before its sender hears of it, so that nothing is lost with its process.
 */
export class Acknowledgements {
  constructor(private readonly parts: AcknowledgementParts) {}

  /** Whether the answers of an operation confirm something. */
  concern(operation: Operation): boolean {
    return CONFIRMED_BY[operation.name] !== undefined && this.parts.isShared();
  }

  /** What is done with the answer to a request of an operation that they concern. @param draft its body, parsed */
  of(operation: Operation, draft: unknown): Revise {
    return async (status, bytes) => {
      const answer = status === 200 ? (parsed(bytes) as Record<string, unknown> | null | undefined) : undefined;
      const messageId = uuidIn(answer?.[CONFIRMED_BY[operation.name]!]);
      if (messageId === undefined) return undefined;
      const { exists, adopt } = this.parts;
      const isQueued = operation.name === 'relay.send';
      await this.require(operation, messageId, () =>
        isQueued ? adopt(adopteeOf(messageId, answer!['expires_at'], draft)) : exists(messageId),
      );
      return undefined;
    };
  }

  private async require(operation: Operation, messageId: string, isStored: () => Promise<boolean>): Promise<void> {
    const { count, log } = this.parts;
    for (let look = 0; ; look++) {
      const isThere = await isStored().catch((error: unknown) => {
        const unknown = NotConfirmed();
        unknown.cause = error;
        throw unknown;
      });
      if (isThere) return;
      const pauseMs = PAUSES_MS[look];
      if (pauseMs === undefined) break;
      await pause(pauseMs);
    }
    await count(operation.name, messageId).catch((error: unknown) => log.warn({ err: error }, 'a saved acknowledgement is not counted'));
    log.error({ operation: operation.name, message_id: messageId }, 'the monolith confirmed a message that it has not stored');
    throw NotStored();
  }
}

function uuidIn(id: unknown): string | undefined {
  const normal = typeof id === 'string' ? normaliseUuid(id) : '';
  return Uuid.safeParse(normal).success ? normal : undefined;
}

/** With what its row does not have. What we would not take from a client is left out. */
function adopteeOf(messageId: string, expiresAt: unknown, draft: unknown): Adoptee {
  const { data } = adopt.input.pick({ signatures: true, media_refs: true }).safeParse(draft);
  const isInstant = typeof expiresAt === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(expiresAt);
  return { ...data, message_id: messageId, expires_at: isInstant ? expiresAt : null };
}
