import { messageContract, type QueuedMessage } from '@banyan/message/contract';
import type { ClientOf } from '@banyan/platform/contract';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { Adoption } from './adoption';
import type { LegacyQueue } from './legacy-queue';

/** So long it is left alone after it did not answer: a dead monolith must not make every look into the queue slow. */
const PAUSE_MS = 2_000;
/** How often it is asked whether its whole queue is empty. */
const TOTAL_MS = 2_000;

/**
 * What still waits in the monolith's memory, as a part of our queue: the same ids, each shown once, gone for good when it is
 * acknowledged. What hosts bring there is in our queue as well (`relay.adopt`); the rest came before them, or past them. What is
 * acknowledged is remembered in `message` before the monolith hears of it, so that nothing comes back if it does not.
 */
export class AdoptedQueue {
  /** How often its part was missing from an answer, since the start. */
  missed = 0;
  private quietUntil = -Infinity;
  private totalledAt = -Infinity;

  constructor(
    private readonly legacy: LegacyQueue,
    private readonly adoption: Adoption,
    private readonly messages: ClientOf<typeof messageContract>,
    private readonly log: Logger,
  ) {}

  /** Never fails: when the monolith does not answer, its part is missing, and that is counted. */
  async pending(userId: string): Promise<QueuedMessage[]> {
    if (!(await this.adoption.mayHold())) return [];
    const waiting = await this.ask(() => this.legacy.pending(userId));
    if (!waiting) return [];
    if (waiting.length === 0) {
      void this.finishIfEmpty(userId);
      return [];
    }
    const { settled } = await this.messages.settled({ message_ids: waiting.map(({ id }) => id) });
    for (const id of settled) void this.ask(() => this.legacy.acknowledge(userId, id)); // it was told before, and did not hear it
    return waiting.filter(({ id }) => !settled.includes(id));
  }

  /** Under the same key: the first answer. @returns whether it waited there for this user */
  async acknowledge(userId: string, messageId: string, key: string): Promise<boolean> {
    if (!(await this.adoption.mayHold())) return false;
    const waiting = await this.ask(() => this.legacy.pending(userId));
    const message = waiting?.find(({ id }) => id === messageId);
    if (waiting && !message) return false;
    // When the monolith does not answer, it may have the message: it is remembered, so that it does not come back with the monolith.
    const { found } = await this.messages.acknowledgeAdopted({ message_id: messageId, sender_id: message?.sender_id }, { key });
    await this.ask(() => this.legacy.acknowledge(userId, messageId));
    return found;
  }

  /** Of a message that was acknowledged: a socket that ends in the monolith would bring it again. What fails is made good by the next look. */
  async forget(userId: string, messageId: string): Promise<void> {
    if (await this.adoption.mayHold()) await this.ask(() => this.legacy.acknowledge(userId, messageId));
  }

  private async finishIfEmpty(userId: string): Promise<void> {
    if (performance.now() - this.totalledAt < TOTAL_MS) return;
    this.totalledAt = performance.now();
    await this.adoption
      .finish(async () => (await this.legacy.total(userId)) === 0)
      .catch((error: unknown) => this.log.warn({ err: error }, 'whether the queue of legacy is empty is asked again'));
  }

  private async ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    if (performance.now() < this.quietUntil) {
      this.missed++;
      return undefined;
    }
    try {
      return await question();
    } catch (error) {
      this.missed++;
      this.quietUntil = performance.now() + PAUSE_MS;
      this.log.warn({ err: error }, 'legacy did not answer for its queue; what waits there is missing until it does');
      return undefined;
    }
  }
}
