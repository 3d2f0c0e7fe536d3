import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { CallerNotFound, Forbidden, InvalidToken, isError, Unavailable, type UserActor } from '../contract';
import { NotFound } from './answers';
import type { Callers } from './callers';
import type { Elsewhere } from './elsewhere';
import type { SocketAdapter } from './socket-adapter';
import type { SocketPipe } from './socket-pipe';
import type { SocketPlaces } from './socket-places';
import { onceGone, type Upgrade, upgradeTo } from './upgrades';

/** Another server, whose users' sockets open here: it decides who may. */
export interface Beyond {
  /** @returns undefined if it refused; it is answered then. @throws DomainError the edge's answer */
  accept(request: FastifyRequest, reply: FastifyReply, userId: string): Promise<{ user: UserActor; upstream: WebSocket } | undefined>;
}

export interface SocketsParts {
  readonly callers: Pick<Callers, 'identify'>;
  readonly adapter: SocketAdapter;
  readonly pipe: SocketPipe;
  /** Undefined in a process that clients do not reach themselves. */
  readonly places: SocketPlaces | undefined;
  /** Whose pages may open sockets, beside our own; of a process that serves no pages, undefined: everybody's. */
  readonly origins: readonly string[] | undefined;
  /** Where a user's sockets are served. */
  readonly home: (userId: string) => 'remote' | 'local' | 'legacy';
  /** Processes that serve sockets, the best one first. */
  readonly workers: () => readonly string[];
  readonly elsewhere?: Elsewhere;
  readonly beyond?: Beyond;
  /** New sockets are refused: the process is about to go. */
  readonly isDraining: () => boolean;
}

/** `/ws/{user_id}?token=`: who may, and where his socket is served: here, by a worker, or by whoever is elsewhere. */
export function mountSockets(server: FastifyInstance, parts: SocketsParts): void {
  server.get<{ Params: { user_id: string }; Querystring: { token?: unknown } }>('/ws/:user_id', async (request, reply) => {
    const upgrade = upgradeTo('websocket', request.raw);
    const { user_id: userId } = request.params;
    const home = parts.home(userId);
    if (!upgrade) {
      if (await parts.elsewhere?.take(request, reply, undefined)) return reply;
      throw NotFound();
    }
    if (parts.isDraining()) throw Unavailable();
    // Of two tokens we would ask about one, and the monolith would believe the other.
    if (Array.isArray(request.query.token)) return reply.code(403).send();
    const place = parts.places?.take(request.ip, userId);
    if (place) onceGone(upgrade.socket, () => place.release());
    if (parts.beyond && home === 'legacy') {
      const accepted = await parts.beyond.accept(request, reply, userId);
      if (!accepted) return reply;
      place?.confirm(userId);
      reply.hijack();
      return here(request, reply, { upgrade, ...accepted }, parts);
    }
    const user = isOurPage(request, parts.origins) ? await identify(userId, request.query.token, parts) : undefined;
    if (!user) return reply.code(403).send();
    place?.confirm(userId);
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
  parts: SocketsParts,
): Promise<FastifyReply> {
  const { adapter, pipe, workers } = parts;
  reply.hijack();
  if (home === 'remote' || !adapter.isServing) {
    const client = { request: request.raw, response: reply.raw, upgrade };
    for (const url of workers()) if (await pipe.pipe(client, url)) return reply;
    // Nobody has answered; what was hijacked is answered by hand.
    if (!adapter.isServing) {
      reply.raw.writeHead(503, { 'Content-Length': '0', 'Retry-After': '1' }).end();
      return reply;
    }
  }
  return here(request, reply, { upgrade, user }, parts);
}

function here(
  { raw, ip }: FastifyRequest,
  reply: FastifyReply,
  { upgrade, user, upstream }: { upgrade: Upgrade; user: UserActor; upstream?: WebSocket },
  { adapter }: SocketsParts,
): FastifyReply {
  if (upstream) onceGone(upgrade.socket, () => upstream.close()); // whatever becomes of the handshake
  reply.raw.detachSocket(upgrade.socket as never);
  adapter.open(upgrade, user, { request: raw, address: ip, upstream });
  return reply;
}
