import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { domainNames } from '@banyan/domains';
import { WebSocket, WebSocketServer } from 'ws';
import { dropDatabases, freshEnvironment } from '../support/banyan';
import { decideHomes, domainsWithData, makePrepared } from '../support/legacy-server';
import { envelope, type Person, register } from '../support/people';
import { exchange } from '../support/raw-http';
import { ServerProcess } from '../support/server-process';
import { until } from '../support/until';
import type { LegacyDatabase } from './legacy-database';
import { Origin } from './origin';

let origin: Origin;
let upstream: WebSocketServer;
/** The monolith's ends, by the path that was asked for. */
const ends = new Map<string, { socket: WebSocket; raw: Socket }>();
let legacy: LegacyDatabase;
let environment: Record<string, string>;
let hosts: ServerProcess[];

/** Sockets end in legacy; everything else is served by new code, on its database. */
beforeAll(async () => {
  origin = await Origin.start();
  upstream = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } });
  origin.onUpgrade((request, socket, head) => {
    if (!request.url!.includes('token=')) return void socket.end('HTTP/1.1 403 Forbidden\r\nx-from: legacy\r\nContent-Length: 0\r\n\r\n');
    upstream.handleUpgrade(request, socket, head, (accepted) => {
      ends.set(request.url!, { socket: accepted, raw: socket as Socket });
      accepted.on('message', (data, isBinary) => accepted.send(data, { binary: isBinary })); // whatever comes goes back
    });
  });
  legacy = await makePrepared('bytea');
  const routes = domainNames.map((domain) => `${domain}=${domain === 'websocket' ? 'legacy' : 'local'}:100%`).join(' ');
  environment = { ...freshEnvironment({ redis: true }), LEGACY_URL: origin.url, LEGACY_DATABASE_URL: legacy.url, ROUTES: routes };
  hosts = [await ServerProcess.start(environment)];
  hosts.push(await ServerProcess.start(environment));
  await decideHomes(environment, 'legacy');
  for (const { url } of hosts) {
    await until(async () => {
      const { parts } = (await (await fetch(`${url}/readyz`)).json()) as { parts: object };
      return Object.keys(parts).length === domainsWithData.length;
    });
  }
});

afterAll(async () => {
  for (const host of hosts ?? []) await host.remove();
  upstream?.close();
  await origin?.stop();
  await dropDatabases(environment);
  await legacy?.drop();
});

interface Client {
  readonly socket: WebSocket;
  readonly frames: string[];
  /** The monolith's end of it, the newest one. */
  readonly end: () => { socket: WebSocket; raw: Socket };
}

async function connect(host: ServerProcess, userId: string, options: { perMessageDeflate?: boolean } = {}): Promise<Client> {
  const path = `/ws/${userId}?token=${randomUUID()}`;
  const socket = new WebSocket(host.url.replace('http', 'ws') + path, options);
  const frames: string[] = [];
  socket.on('message', (data) => frames.push((data as Buffer).toString()));
  socket.on('error', () => undefined);
  await once(socket, 'open');
  return { socket, frames, end: () => ends.get(path)! };
}

const frameWith = (text: string) => JSON.stringify({ type: 'echo', payload: { text } });

const closed = async (socket: WebSocket) => {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return [code, reason.toString()];
};

describe('a socket', () => {
  it('that legacy refuses is refused in its words', async () => {
    const answer = await exchange(
      hosts[0]!.url,
      `GET /ws/${randomUUID()} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    expect(answer.statusLine).toBe('HTTP/1.1 403 Forbidden');
    expect(answer.headers).toContain('x-from: legacy');
  });

  it.each([true, false])('passes texts and what legacy closes it with; offered to be compressed: %s', async (perMessageDeflate) => {
    const { socket, frames, end } = await connect(hosts[0]!, randomUUID(), { perMessageDeflate });
    for (const text of ['', 'short', 'x'.repeat(70_000), 'ä'.repeat(200)].map(frameWith)) {
      socket.send(text);
      await until(async () => frames.at(-1) === text);
    }
    socket.ping('are you there');
    expect(((await once(socket, 'pong')) as [Buffer])[0].toString()).toBe('are you there');
    end().socket.close(4_321, 'because');
    expect(await closed(socket)).toEqual([4_321, 'because']);
  });

  it.each(['close', 'terminate'] as const)('that the client ends (%s) ends at legacy', async (how) => {
    const { socket, end } = await connect(hosts[0]!, randomUUID());
    socket[how]();
    await closed(end().socket);
  });

  it('whose end at legacy breaks off, or goes with legacy, gets another one; what was said meanwhile waits', async () => {
    const { socket, frames, end } = await connect(hosts[0]!, randomUUID());
    for (const breakOff of [() => end().raw.resetAndDestroy(), () => end().socket.close(1_012), () => end().socket.close(1_001)]) {
      const before = end();
      const isGone = closed(before.socket);
      breakOff();
      await isGone;
      const text = frameWith(randomUUID());
      socket.send(text);
      await until(async () => frames.at(-1) === text);
      expect(end()).not.toBe(before);
    }
  });
});

describe('what new code pushes', () => {
  let ada: Person;
  let ben: Person;
  beforeAll(async () => {
    ada = await register(hosts[0]!.url, 'ada');
    ben = await register(hosts[0]!.url, 'ben');
  });

  it('reaches every device, whichever host it came to, once, and the sender is told so', async () => {
    const devices = [
      await connect(hosts[0]!, ben.id),
      await connect(hosts[0]!, ben.id, { perMessageDeflate: false }),
      await connect(hosts[1]!, ben.id),
    ];
    const other = await connect(hosts[1]!, ada.id);
    const draft = envelope(ben);
    const { body } = await until(async () => {
      const answer = await ada.post('/relay/send', draft).set('Idempotency-Key', 'one');
      return answer.status === 200 && answer;
    });
    expect(body).toMatchObject({ success: true, status: 'delivered' });
    for (const { frames } of devices) {
      await until(async () => frames.length > 0);
      expect(JSON.parse(frames[0]!)).toEqual({
        type: 'relay_message',
        data: expect.objectContaining({
          id: body.message_id as string,
          sender_id: ada.id,
          recipient_id: ben.id,
          encrypted_content: draft.encrypted_content,
          delivery_attempts: 0,
        }) as object,
      });
    }
    await ada.post('/relay/send', draft).set('Idempotency-Key', 'one').expect(200);
    for (const { socket, frames } of devices) {
      socket.send(frameWith('later')); // comes back after whatever was sent before
      await until(async () => frames.includes(frameWith('later')));
      expect(frames).toHaveLength(2);
    }
    expect(other.frames).toEqual([]);
    for (const { socket } of [...devices, other]) {
      const isOver = closed(socket);
      socket.close();
      await isOver;
    }
    await until(async () => (await ada.post('/relay/send', envelope(ben))).body.status === 'queued');
  });

  it('does not wait for a message that legacy sends in pieces, and leaves it whole', async () => {
    const { socket, frames, end } = await connect(hosts[0]!, ben.id);
    await until(async () => (await ada.get('/relay/stats')).body.stats.online_users > 0);
    const pieces = [Buffer.from([0x01, 0x03, 0x61, 0x62]), Buffer.from([0x63, 0x89, 0x00, 0x80, 0x02, 0x64]), Buffer.from([0x65])]; // "abc" ping "de"
    end().raw.write(pieces[0]!);
    const sent: string[] = [];
    for (const piece of pieces.slice(1)) {
      const { body } = await ada.post('/relay/send', envelope(ben)).expect(200);
      expect(body.status).toBe('delivered');
      sent.push(body.message_id as string);
      await until(async () => frames.length === sent.length);
      end().raw.write(piece);
    }
    await until(async () => frames.length === 3);
    expect(frames[2]).toBe('abcde');
    expect(frames.slice(0, 2).map((text) => (JSON.parse(text) as { data: { id: string } }).data.id)).toEqual(sent);
    socket.close();
  });

  it('is queued when the only host of the recipient has died', async () => {
    const eve = await register(hosts[0]!.url, 'eve');
    const { socket } = await connect(hosts[1]!, eve.id);
    await until(async () => (await ada.post('/relay/send', envelope(eve))).body.status === 'delivered');
    await hosts[1]!.kill();
    expect((await ada.post('/relay/send', envelope(eve)).expect(200)).body.status).toBe('queued');
    expect((await eve.get('/relay/pending')).body.count).toBe(2);
    socket.terminate();
    await hosts[1]!.startAgain();
  });
});

it('a host that is stopped tells its clients to come again, and does not wait for them', async () => {
  const { socket } = await connect(hosts[1]!, randomUUID());
  const told = closed(socket);
  expect(await hosts[1]!.terminate()).toBe(0);
  expect(await told).toEqual([1_012, '']);
});

describe('an attacker', () => {
  let small: ServerProcess;
  beforeAll(async () => {
    small = await ServerProcess.start({ ...environment, SOCKET_LIMITS: 'all=5 address=4 user=2' });
  });
  afterAll(() => small?.remove());

  const refused = async (userId: string) => {
    const socket = new WebSocket(`${small.url.replace('http', 'ws')}/ws/${userId}?token=x`);
    const [, answer] = (await once(
      socket.on('error', () => undefined),
      'unexpected-response',
    )) as [unknown, { statusCode: number }];
    return answer.statusCode;
  };

  it('has so many sockets and no more, and those that end make room', async () => {
    const [ada, ben] = [randomUUID(), randomUUID()];
    const open = [await connect(small, ada), await connect(small, ada)];
    expect(await refused(ada)).toBe(429);
    open.push(await connect(small, ben), await connect(small, ben));
    expect(await refused(randomUUID())).toBe(429);
    open[0]!.socket.close();
    await until(async () => {
      const socket = new WebSocket(`${small.url.replace('http', 'ws')}/ws/${ada}?token=x`).on('error', () => undefined);
      return Promise.race([once(socket, 'open').then(() => true), once(socket, 'unexpected-response').then(() => false)]);
    });
    expect((await fetch(`${small.url}/health`)).status).toBe(200);
    for (const { socket } of open) socket.terminate();
  });

  it('who reads nothing does not keep a host from stopping', async () => {
    const { socket, end } = await until(() => connect(small, randomUUID(), { perMessageDeflate: false }).catch(() => undefined));
    socket.pause();
    for (let i = 0; i < 300; i++) end().socket.send('x'.repeat(100_000));
    await until(async () => end().socket.bufferedAmount > 0);
    expect(await small.terminate()).toBe(0);
    socket.terminate();
  });
});
