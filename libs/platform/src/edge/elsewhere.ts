import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Operation } from '../contract';

/** Whoever may answer a client's request instead of the edge. The edge knows nobody; it asks, before it judges or reads anything. */
export interface Elsewhere {
  /**
   * @param operation undefined for a path or method that no contract knows
   * @returns true if the request is not the edge's any more: it is answered, or its connection has ended
   * @throws DomainError the edge's answer
   */
  take(request: FastifyRequest, reply: FastifyReply, operation: Operation | undefined): Promise<boolean>;
}
