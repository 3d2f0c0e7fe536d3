import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { answerUnreadable } from './answers';
import { bringsBody } from './early-body';
import { originForm } from './paths';

/** A connection whose client wants to speak another protocol on it. */
export interface Upgrade {
  readonly socket: Duplex;
  /** What the client sent behind its request. */
  readonly head: Buffer;
}

const upgrades = new WeakMap<IncomingMessage, Upgrade>();

/** Requests for an upgrade go the way of all requests, so that the same hooks see them. To any protocol nobody takes they are ordinary ones. */
export function acceptUpgrades({ server }: FastifyInstance): void {
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    // Node has let the connection go: a body would not be read any more.
    if (bringsBody(request)) return answerUnreadable(new Error('an upgrade with a body'), socket as never);
    // Whoever opens the socket's other half elsewhere would open it at the server that an absolute target names.
    request.url = originForm(request.url ?? '/');
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as never);
    // Nobody reads from it any more, so that a client who does not close would keep it open for good.
    response.once('finish', () => (socket as Socket).destroySoon());
    upgrades.set(request, { socket, head });
    server.emit('request', request, response);
  });
}

/** At once if it has gone already. `then` may be called twice. */
export function onceGone(socket: Duplex, then: () => void): void {
  if (socket.destroyed) then();
  else socket.once('close', then);
}

/** If it asks for that protocol. */
export function upgradeTo(protocol: string, request: IncomingMessage): Upgrade | undefined {
  return request.headers.upgrade?.toLowerCase() === protocol ? upgrades.get(request) : undefined;
}
