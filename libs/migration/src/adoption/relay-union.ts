import { randomUUID } from 'node:crypto';
import { acknowledge, pending, queueStats, settled } from '@banyan/message/contract';
import type { Actor, Operation } from '@banyan/platform/contract';
import type { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import { inContext } from '@banyan/platform/dispatch/context';
import { DatabaseUnavailable } from '@banyan/platform/database/errors';
import { newTrace } from '@banyan/platform/telemetry/trace';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { Adoption } from '@banyan/relay/adoption';
import { idsOf, mergePending, type OwnQueue } from './merge';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const LIMIT_MS = 5_000;
/** How often it is asked whether our whole queue is empty. */
const TOTAL_MS = 2_000;

/**
 * The relay queue of a user whom legacy serves, as long as a part of it may be on our side: for the proxy, which has legacy's answer
 * and passes on what comes back here. Never fails: when our side does not answer, legacy's answer goes on as it is, and that is counted.
 */
export class RelayUnion {
  /** How often our part was missing from an answer, since the start. */
  missed = 0;
  private totalledAt = -Infinity;

  constructor(
    private readonly dispatcher: Dispatcher,
    private readonly adoption: Adoption,
    private readonly log: Logger,
  ) {}

  /** False when the proxy may pass the answers on without reading them. */
  isNeeded(): Promise<boolean> {
    return this.adoption.mayHold('own');
  }

  /** @param body legacy's answer with status 200 to `GET /api/v1/relay/pending`, parsed */
  async pending(userId: string, body: unknown): Promise<unknown> {
    const own = await this.ask(userId, async (call) => {
      const { messages } = (await call(pending, {})) as { messages: ({ id: string } & Record<string, unknown>)[] };
      const ids = idsOf(body).filter((id) => UUID.test(id));
      const gone = ids.length > 0 ? ((await call(settled, { message_ids: ids })) as { settled: string[] }).settled : [];
      return { messages: messages.map(({ position: _, ...message }) => message), settled: gone } satisfies OwnQueue;
    });
    if (!own) return body;
    if (own.messages.length === 0) void this.finishIfEmpty();
    return mergePending(body, own);
  }

  /** @param body legacy's answer with status 200 to `POST /api/v1/relay/acknowledge` for that id, parsed */
  async acknowledge(userId: string, messageId: string, key: string, body: unknown): Promise<unknown> {
    const id = messageId.toLowerCase();
    if ((body as { status?: unknown } | null)?.status !== 'not_found' || !UUID.test(id)) return body;
    const taken = await this.ask(userId, (call) => call(acknowledge, { message_id: id }) as Promise<{ found: boolean }>, key);
    return taken?.found ? { ...(body as object), status: 'deleted' } : body;
  }

  private async ask<T>(
    userId: string,
    question: (call: (operation: Operation, input: unknown) => Promise<unknown>) => Promise<T>,
    key: string = randomUUID(),
  ): Promise<T | undefined> {
    const actor: Actor = { kind: 'user', userId, role: 'user' };
    try {
      return await question((operation, input) =>
        this.dispatcher.callFromEdge(operation, input, { actor, key: `${key}/${operation.name}` }),
      );
    } catch (error) {
      this.missed++;
      this.log.warn({ err: error }, 'our part of a queue that legacy serves is missing');
      return undefined;
    }
  }

  /** Only when no weight is on our side any more can it be over; `finish` looks at that. */
  private async finishIfEmpty(): Promise<void> {
    if (performance.now() - this.totalledAt < TOTAL_MS) return;
    this.totalledAt = performance.now();
    const context = { actor: { kind: 'system', name: 'adoption' } as const, key: randomUUID(), depth: 0, trace: newTrace() };
    const isEmpty = async () => {
      const stats = inContext({ ...context, deadline: Date.now() + LIMIT_MS }, () => this.dispatcher.call(queueStats, {}));
      return ((await stats) as { deliverable: number }).deliverable === 0;
    };
    await this.adoption.finish('own', isEmpty).catch((error: unknown) => {
      if (!(error instanceof DatabaseUnavailable)) this.log.warn({ err: error }, 'whether our queue is empty is asked again');
    });
  }
}
