import { randomUUID } from 'node:crypto';
import type { Operation } from '@banyan/platform/contract';
import { readEarly } from '@banyan/platform/edge/early-body';
import { BODY_LIMIT_BYTES } from '@banyan/platform/edge/body';
import { bearerToken, type TokenVerifier } from '@banyan/platform/edge/token';
import type { FastifyRequest } from 'fastify';
import type { RelayUnion } from '../adoption/relay-union';
import type { Acknowledgements } from './acknowledgements';
import { parsed } from './json';
import type { Revise } from './legacy-proxy';

export interface RevisionParts {
  readonly acknowledgements: Acknowledgements;
  readonly union: Pick<RelayUnion, 'pending' | 'acknowledge'>;
  /** Whether new code has a place to put messages into: before that no part of anybody's queue is on our side. */
  readonly hasOwnPart: () => boolean;
  readonly verifier: TokenVerifier;
}

/** The few answers of the monolith that are not passed on as they come: what confirms a message, and what shows or changes a queue. */
export class Revisions {
  constructor(private readonly parts: RevisionParts) {}

  /** What is done with the answer to this request; undefined if it is none of ours. */
  async of(request: FastifyRequest, operation: Operation): Promise<Revise | undefined> {
    const { union, hasOwnPart, acknowledgements } = this.parts;
    const concernsQueue = operation.name === 'relay.pending' || operation.name === 'relay.acknowledge';
    if (acknowledgements.concern(operation)) return acknowledgements.of(operation, await draftIn(request));
    if (!concernsQueue || !hasOwnPart()) return undefined;
    const userId = await this.userOf(request);
    if (userId === undefined) return undefined;
    if (operation.name === 'relay.pending') return revisedJson((body) => union.pending(userId, body));
    const messageId = await messageIdIn(request);
    if (messageId === undefined) return undefined;
    const key = request.headers['idempotency-key'];
    return revisedJson((body) => union.acknowledge(userId, messageId, typeof key === 'string' ? key : randomUUID(), body));
  }

  private async userOf({ headers }: FastifyRequest): Promise<string | undefined> {
    try {
      return (await this.parts.verifier.verify(bearerToken(headers.authorization))).sub;
    } catch {
      return undefined; // the monolith refuses it
    }
  }
}

function revisedJson(revise: (body: unknown) => Promise<unknown>): Revise {
  return async (status, bytes) => {
    const body = status === 200 ? parsed(bytes) : undefined;
    if (body === undefined) return undefined;
    const revised = await revise(body);
    return revised === body ? undefined : Buffer.from(JSON.stringify(revised));
  };
}

/** One that says that it is larger than we would take goes to the monolith unread. @throws BodyTooLarge for one that does not say it, and is */
async function draftIn(request: FastifyRequest): Promise<unknown> {
  const isSmall = Number(request.headers['content-length'] ?? 0) <= BODY_LIMIT_BYTES;
  return isSmall ? parsed(await readEarly(request)) : undefined;
}

async function messageIdIn(request: FastifyRequest): Promise<string | undefined> {
  const id = (parsed(await readEarly(request)) as { message_id?: unknown } | null | undefined)?.message_id;
  return typeof id === 'string' ? id : undefined;
}
