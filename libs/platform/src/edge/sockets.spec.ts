import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import fastify, { type FastifyInstance } from 'fastify';
import { WebSocket, WebSocketServer } from 'ws';
import { until } from '../../../../test/support/until';
import { SocketAdapter } from './socket-adapter';
import { SocketPipe } from './socket-pipe';
import { SocketPlaces } from './socket-places';
import { type Beyond, mountSockets } from './sockets';
import { acceptUpgrades } from './upgrades';

const HANDSHAKE =
  'Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const ada = randomUUID();

/** A server that answers an upgrade when it is told to. */
class Elsewhere {
  readonly asked: string[] = [];
  readonly accepted: WebSocket[] = [];
  private readonly waiting: (() => void)[] = [];
  private readonly sockets = new WebSocketServer({ noServer: true });
  private readonly server: Server = createServer();
  isPatient = false;

  static async start(): Promise<Elsewhere> {
    const self = new Elsewhere();
    self.server.on('upgrade', (request, socket, head) => {
      self.asked.push(request.url!);
      self.waiting.push(() => self.sockets.handleUpgrade(request, socket, head, (accepted) => self.accepted.push(accepted)));
      if (!self.isPatient) self.answer();
    });
    await once(self.server.listen(0, '127.0.0.1'), 'listening');
    return self;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  answer(): void {
    for (const go of this.waiting.splice(0)) go();
  }

  async stop(): Promise<void> {
    for (const socket of this.accepted) socket.terminate();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

describe('sockets at the edge', () => {
  let server: FastifyInstance;
  let worker: Elsewhere;
  let other: Elsewhere;
  let pipe: SocketPipe;
  let places: SocketPlaces;
  let beyond: Beyond | undefined;
  let home: 'remote' | 'legacy';
  /** Our ends of the clients' connections. */
  let ends: Duplex[];
  const connections = () => new Promise<number>((resolve) => server.server.getConnections((_error, count) => resolve(count)));

  beforeEach(async () => {
    [worker, other] = [await Elsewhere.start(), await Elsewhere.start()];
    [server, pipe, home, beyond] = [fastify(), new SocketPipe(), 'remote', undefined];
    places = new SocketPlaces({ all: 100, address: 100, user: 1 });
    ends = [];
    server.server.on('upgrade', (_request, socket) => ends.push(socket));
    acceptUpgrades(server);
    mountSockets(server, {
      callers: { identify: async (token) => ({ kind: 'user', userId: token, role: 'user' }) },
      adapter: new SocketAdapter(),
      pipe,
      places,
      origins: undefined,
      home: () => home,
      workers: () => [worker.url],
      beyond: { accept: (...asked) => beyond!.accept(...asked) },
      isDraining: () => false,
    });
    await server.listen({ port: 0, host: '127.0.0.1' });
  });
  afterEach(async () => {
    await pipe.drain();
    for (const one of [worker, other]) await one.stop();
    await server.close();
  });

  const raw = async (target: string, headers = HANDSHAKE): Promise<Socket> => {
    const socket = connect({ port: (server.server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`GET ${target} HTTP/1.1\r\n${headers}\r\n`);
    return socket;
  };
  const firstLine = async (socket: Socket) => ((await once(socket, 'data')) as [Buffer])[0].toString('latin1').split('\r\n', 1)[0];

  it('go to our own worker, whatever server the request names', async () => {
    const socket = await raw(`${other.url}/ws/${ada}?token=${ada}`);
    expect(await firstLine(socket)).toBe('HTTP/1.1 101 Switching Protocols');
    expect([worker.asked, other.asked]).toEqual([[`/ws/${ada}?token=${ada}`], []]);
    socket.destroy();
  });

  it('are refused with two tokens: each server would believe another one', async () => {
    for (home of ['remote', 'legacy'] as const) {
      const socket = await raw(`/ws/${ada}?token=x&token=${ada}`);
      expect(await firstLine(socket)).toBe('HTTP/1.1 403 Forbidden');
      socket.destroy();
    }
    expect(worker.asked).toEqual([]);
  });

  it('whose client goes while the worker thinks leave nothing open there, and give their place back', async () => {
    worker.isPatient = true;
    const socket = await raw(`/ws/${ada}?token=${ada}`);
    await until(async () => worker.asked.length === 1);
    ends[0]!.destroy();
    await until(async () => (await connections()) === 0);
    worker.answer();
    await until(async () => worker.accepted.every(({ readyState }) => readyState === WebSocket.CLOSED));
    expect(pipe.count).toBe(0);
    expect(() => places.take('address', ada)).not.toThrow();
    socket.destroy();
  });

  it.each(['goes while it thinks', 'breaks the handshake'])('whose client %s leave nothing open at another server', async (how) => {
    home = 'legacy';
    beyond = {
      accept: async (_request, _reply, userId) => {
        if (how === 'goes while it thinks') ends[0]!.destroy();
        const upstream = new WebSocket(`${other.url.replace('http', 'ws')}/`);
        await once(upstream, 'open');
        return { user: { kind: 'user', userId, role: 'user' }, upstream };
      },
    };
    const headers = how === 'breaks the handshake' ? HANDSHAKE.replace('Version: 13', 'Version: 7') : HANDSHAKE;
    const socket = await raw(`/ws/${ada}?token=${ada}`, headers);
    await until(async () => other.accepted.length === 1 && other.accepted[0]!.readyState === WebSocket.CLOSED);
    await until(async () => (await connections()) === 0);
    expect(() => places.take('address', ada)).not.toThrow();
    socket.destroy();
  });

  it.each(['/ws/x?token=', '/ws/x', '/nothing'])(
    'that are refused (%s) are let go, though the client keeps his end open',
    async (target) => {
      const socket = await raw(target);
      expect(await firstLine(socket)).toMatch(/^HTTP\/1\.1 40[34] /);
      await until(async () => (await connections()) === 0);
      socket.destroy();
    },
  );

  it('of a process that goes are told to come again, also those that come while it does', async () => {
    const first = new WebSocket(`${server.listeningOrigin.replace('http', 'ws')}/ws/${ada}?token=${ada}`);
    await once(first, 'open');
    worker.isPatient = true;
    const ben = randomUUID();
    const late = new WebSocket(`${server.listeningOrigin.replace('http', 'ws')}/ws/${ben}?token=${ben}`);
    await until(async () => worker.asked.length === 2);
    const codes = Promise.all([first, late].map(async (socket) => ((await once(socket, 'close')) as [number])[0]));
    await pipe.drain();
    worker.answer();
    expect(await codes).toEqual([1012, 1012]);
    expect(pipe.count).toBe(0);
  });
});
