import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { localNow } from './clock';
import { receive } from './frames';
import type { Legacy } from './legacy';
import { relayed } from './relay-queue';
import { sendFrame } from './sockets';

const PING_MS = 20_000;

/** Sockets at `/ws/{user_id}?token=…`; the handshake asks the token, never the database. */
export function acceptSockets(server: Server, legacy: Legacy): void {
  const handshakes = new WebSocketServer({ noServer: true, maxPayload: 16 * 1024 * 1024, perMessageDeflate: true });

  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on('error', () => stream.destroy());
    const url = new URL(request.url ?? '/', 'http://legacy');
    const userId = userOf(url.pathname);
    const token = url.searchParams.get('token');
    if (userId !== undefined && token && legacy.tokens.subjectOf(token) === userId) {
      handshakes.handleUpgrade(request, stream, head, (socket) => connect(socket, userId, legacy));
      return;
    }
    stream.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    if (userId !== undefined) legacy.sockets.remove(userId); // announced offline without ever having been there
  });
}

function userOf(path: string): string | undefined {
  const [, typed] = /^\/ws\/([^/]+)$/.exec(path) ?? [];
  try {
    return typed && decodeURIComponent(typed);
  } catch {
    return typed;
  }
}

function connect(socket: WebSocket, userId: string, legacy: Legacy): void {
  const { sockets, relay } = legacy;
  sockets.add(userId, socket);
  for (const message of relay.takePending(userId)) sendFrame(socket, { type: 'relay_message', data: relayed(message) });
  const others = sockets.online().filter((id) => id !== userId);
  sendFrame(socket, { type: 'connection_established', user_id: userId, online_users: others, timestamp: localNow() });
  sockets.announce(userId);

  let handled = Promise.resolve(); // one frame after the other, so that they arrive in order
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) socket.terminate();
    else handled = handled.then(() => receive(legacy, userId, data.toString()));
  });
  socket.on('error', () => undefined); // 'close' follows
  const heartbeat = keepAlive(socket);
  socket.on('close', () => {
    clearInterval(heartbeat);
    handled = handled.then(() => sockets.remove(userId, socket)); // what came before is handled before
  });
}

/** Pings, and gives up when there is no pong until the next. */
function keepAlive(socket: WebSocket): NodeJS.Timeout {
  let isAlive = true;
  socket.on('pong', () => (isAlive = true));
  return setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    socket.ping();
  }, PING_MS);
}
