import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CallerNotFound, Forbidden, InvalidToken, isError, Unavailable, type UserActor } from '../contract';
import { NotFound } from './answers';
import type { Callers } from './callers';
import type { Elsewhere } from './elsewhere';
import type { SocketAdapter } from './socket-adapter';
import type { SocketPipe } from './socket-pipe';
import { type Upgrade, upgradeTo } from './upgrades';

export interface SocketsParts {
  readonly callers: Pick<Callers, 'identify'>;
  readonly adapter: SocketAdapter;
  readonly pipe: SocketPipe;
  /** Whose pages may open sockets, beside our own; of a process that serves no pages, undefined: everybody's. */
  readonly origins: readonly string[] | undefined;
  /** Where a user's sockets are served. */
  readonly home: (userId: string) => 'remote' | 'local' | 'legacy';
  /** Processes that serve sockets, the best one first. */
  readonly workers: () => readonly string[];
  readonly elsewhere?: Elsewhere;
  /** New sockets are refused: the process is about to go. */
  readonly isDraining: () => boolean;
}

/** `/ws/{user_id}?token=`: who may, and where his socket is served: here, by a worker, or by whoever is elsewhere. */
export function mountSockets(server: FastifyInstance, parts: SocketsParts): void {
  server.get<{ Params: { user_id: string }; Querystring: { token?: unknown } }>('/ws/:user_id', async (request, reply) => {
    const upgrade = upgradeTo('websocket', request.raw);
    const { user_id: userId } = request.params;
    const home = parts.home(userId);
    if (parts.elsewhere && (home === 'legacy' || !upgrade)) {
      if (await parts.elsewhere.take(request, reply, undefined)) return reply;
    }
    if (!upgrade) throw NotFound();
    if (parts.isDraining()) throw Unavailable();
    const user = isOurPage(request, parts.origins) ? await identify(userId, request.query.token, parts) : undefined;
    if (!user) return reply.code(403).send();
    return open(request, reply, { upgrade, user, home }, parts);
  });
}

/** Undefined if it is nobody's token, or another one's. */
async function identify(userId: string, token: unknown, { callers }: SocketsParts): Promise<UserActor | undefined> {
  if (typeof token !== 'string') return undefined;
  try {
    const user = await callers.identify(token);
    return user.userId === userId ? user : undefined;
  } catch (error) {
    if ([InvalidToken, CallerNotFound, Forbidden].some((refusal) => isError(error, refusal))) return undefined;
    throw error;
  }
}

/** Browsers say whose page it is; other programs need not. */
function isOurPage({ headers: { origin }, protocol, host }: FastifyRequest, origins: readonly string[] | undefined): boolean {
  return origin === undefined || origins === undefined || origins.includes(origin) || origin === `${protocol}://${host}`;
}

async function open(
  request: FastifyRequest,
  reply: FastifyReply,
  { upgrade, user, home }: { upgrade: Upgrade; user: UserActor; home: string },
  { adapter, pipe, workers }: SocketsParts,
): Promise<FastifyReply> {
  if (home === 'remote' || !adapter.isServing) {
    reply.hijack();
    const client = { request: request.raw, response: reply.raw, upgrade };
    for (const url of workers()) if (await pipe.pipe(client, url)) return reply;
    // Nobody has answered; what was hijacked is answered by hand.
    if (!adapter.isServing) {
      reply.raw.writeHead(503, { 'Content-Length': '0', 'Retry-After': '1' }).end();
      return reply;
    }
  } else {
    reply.hijack();
  }
  reply.raw.detachSocket(upgrade.socket as never);
  adapter.open(request.raw, upgrade, user);
  return reply;
}
