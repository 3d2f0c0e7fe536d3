import { Forbidden, normaliseUuid, type UserActor, Uuid } from '@banyan/platform/contract';
import type { Beyond } from '@banyan/platform/edge/sockets';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { answerHeaders } from '../proxy/headers';
import { forwardedBy, requireOneHost } from '../proxy/legacy-home';
import { type Dialer, Refused, targetOf } from './dialer';

/** Sockets of users whose sockets are the monolith's: it says who may have one, and what it refuses is refused in its words. */
export class Entrance implements Beyond {
  constructor(
    private readonly dialer: Dialer,
    /** Refuses the token of somebody who is known to be signed out, locked or removed: the monolith would not know. */
    private readonly refuse: (request: FastifyRequest) => Promise<void>,
  ) {}

  async accept(
    request: FastifyRequest,
    reply: FastifyReply,
    userId: string,
  ): Promise<{ user: UserActor; upstream: WebSocket } | undefined> {
    requireOneHost(request);
    await this.refuse(request);
    if (userId !== normaliseUuid(userId) || !Uuid.safeParse(userId).success) throw Forbidden(); // it has no such users
    const forwarded = forwardedBy(request);
    try {
      const upstream = await this.dialer.dial(targetOf(request.raw, forwarded));
      return { user: { kind: 'user', userId, role: 'user', ...claimsIn(request.url) }, upstream };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { answer } = error;
      reply.hijack();
      reply.raw.sendDate = false;
      const headers = answerHeaders(answer, forwarded, [this.dialer.host, request.headers.host ?? '']);
      reply.raw.writeHead(answer.statusCode!, answer.statusMessage, headers);
      answer.on('error', () => reply.raw.destroy()).pipe(reply.raw);
      return undefined;
    }
  }
}

/** Of the token in the address, which the monolith has verified. */
function claimsIn(url: string): Pick<UserActor, 'sessionId' | 'until'> {
  const token = new URL(url, 'http://host').searchParams.get('token') ?? '';
  try {
    const { sid, exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as Record<string, unknown>;
    return { ...(typeof sid === 'string' ? { sessionId: sid } : {}), ...(typeof exp === 'number' ? { until: exp } : {}) };
  } catch {
    return {};
  }
}
