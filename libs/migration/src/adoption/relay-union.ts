import { randomUUID } from 'node:crypto';
import { acknowledge, acknowledgeAdopted, pending, settled } from '@banyan/message/contract';
import type { Actor, Operation } from '@banyan/platform/contract';
import type { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import { idsOf, mergePending } from './merge';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The relay queue of a user whom legacy serves: for the proxy, which has legacy's answer and passes on what comes back here. Our part is
 * never left out, as legacy alone would hand out what was acknowledged here and lose what its process has lost: when our side does not
 * answer, what is thrown is the client's answer.
 */
export class RelayUnion {
  constructor(private readonly dispatcher: Dispatcher) {}

  /** @param body legacy's answer with status 200 to `GET /api/v1/relay/pending`, parsed */
  async pending(userId: string, body: unknown): Promise<unknown> {
    const call = this.as(userId);
    const { messages } = (await call(pending, {})) as { messages: ({ id: string } & Record<string, unknown>)[] };
    const ids = idsOf(body).filter((id) => UUID.test(id));
    const gone = ids.length > 0 ? ((await call(settled, { message_ids: ids })) as { settled: string[] }).settled : [];
    return mergePending(body, { messages: messages.map(({ position: _, ...message }) => message), settled: gone });
  }

  /** @param body legacy's answer with status 200 to `POST /api/v1/relay/acknowledge` for that id, parsed */
  async acknowledge(userId: string, messageId: string, key: string, body: unknown): Promise<unknown> {
    const id = messageId.toLowerCase();
    if (!UUID.test(id)) return body;
    const call = this.as(userId, key);
    const isGoneThere = (body as { status?: unknown } | null)?.status === 'deleted';
    // It may have been quicker than the answer to its sender: then it is adopted only after this, and must not wait any more.
    const taken = isGoneThere ? call(acknowledgeAdopted, { message_id: id }) : call(acknowledge, { message_id: id });
    const { found } = (await taken) as { found: boolean };
    return found && !isGoneThere ? { ...(body as object), status: 'deleted' } : body;
  }

  private as(userId: string, key: string = randomUUID()): (operation: Operation, input: unknown) => Promise<unknown> {
    const actor: Actor = { kind: 'user', userId, role: 'user' };
    return (operation, input) => this.dispatcher.callFromEdge(operation, input, { actor, key: `${key}/${operation.name}` });
  }
}
