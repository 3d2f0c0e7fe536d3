import { setTimeout as pause } from 'node:timers/promises';
import { normaliseUuid, type Operation, Uuid } from '@banyan/platform/contract';
import type { Logger } from '@banyan/platform/telemetry/log';
import { NotConfirmed, NotStored } from './errors';
import type { Revise } from './legacy-proxy';

/** Which field of an answer says that this message is stored. */
const CONFIRMED_BY: Readonly<Record<string, string>> = { 'relay.send': 'message_id', 'message.send': 'id' };

/** The monolith commits before it answers; what is not there after the last look is not there. */
const PAUSES_MS = [50, 200];

export interface AcknowledgementParts {
  /** Whether the messages of new code and of the monolith are the same rows: only then can one be missed. */
  readonly isShared: () => boolean;
  /** Whether a message is stored. Rejects if that cannot be told. */
  readonly exists: (messageId: string) => Promise<boolean>;
  readonly count: (operation: string, messageId: string) => Promise<void>;
  readonly log: Logger;
}

/** The monolith confirms messages whose row it failed to write. Its word is passed on when the row is there. */
export class Acknowledgements {
  constructor(private readonly parts: AcknowledgementParts) {}

  /** What is done with the answers of an operation; undefined if they confirm nothing. */
  of(operation: Operation): Revise | undefined {
    const field = CONFIRMED_BY[operation.name];
    if (field === undefined || !this.parts.isShared()) return undefined;
    return async (status, body) => {
      const messageId = status === 200 ? idIn(body, field) : undefined;
      if (messageId !== undefined) await this.require(operation, messageId);
      return undefined;
    };
  }

  private async require(operation: Operation, messageId: string): Promise<void> {
    const { exists, count, log } = this.parts;
    for (let look = 0; ; look++) {
      const isThere = await exists(messageId).catch((error: unknown) => {
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

function idIn(body: Buffer, field: string): string | undefined {
  try {
    const id = (JSON.parse(body.toString('utf8')) as Record<string, unknown> | null)?.[field];
    const normal = typeof id === 'string' ? normaliseUuid(id) : '';
    return Uuid.safeParse(normal).success ? normal : undefined;
  } catch {
    return undefined;
  }
}
