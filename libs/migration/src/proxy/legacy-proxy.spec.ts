import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { Origin } from '../../../../test/legacy/origin';
import { connectTo, exchange } from '../../../../test/support/raw-http';
import { until } from '../../../../test/support/until';
import { LegacyProxy, type Limits, type Revise } from './legacy-proxy';

let origin: Origin;
let front: Server;
let proxy: LegacyProxy;
let revise: Revise | undefined;
/** Of the client, as it is known. */
let address = '127.0.0.1';
/** What became of each exchange: the status that was passed on, or the code of what was thrown. */
let outcomes: (number | string)[];

beforeAll(async () => {
  origin = await Origin.start();
  front = createServer((request, response) => {
    if (request.url === '/unread') request.socket.write(Buffer.alloc(30_000_000)); // more than fits between the two
    const forwarded = { for: address, proto: 'http', host: request.headers.host! };
    proxy.forward({ request, response, forwarded, begin: () => undefined, revise }).then(
      (status) => outcomes.push(status),
      (error: { code: string; status: number }) => {
        outcomes.push(error.code);
        response.writeHead(error.status).end();
      },
    );
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  front.closeAllConnections();
  front.close();
  await origin.stop();
});
beforeEach(() => {
  outcomes = [];
  revise = undefined;
});
afterEach(() => proxy.close());

const use = (limits: Partial<Limits>, url = origin.url) => (proxy = new LegacyProxy(url, limits));
const url = () => `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
const get = (path: string) => exchange(url(), `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);

it('a monolith that takes the request and says nothing: 504 after its time, and its connection is ended', async () => {
  use({ answerMs: 100 });
  origin.on('/silent', () => undefined);
  expect((await get('/silent')).statusLine).toContain('504');
  expect(outcomes).toEqual(['legacy.silent']);
  await until(async () => !origin.open.has('/silent'));
});

it('a monolith that stops in the middle of an answer: the answer breaks off after its time', async () => {
  use({ idleMs: 100 });
  origin.onRaw('/stops', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
  expect(await get('/stops')).toMatchObject({ isCut: true, body: Buffer.from('half') });
  expect(outcomes).toEqual([200]);
});

it('a client that stops in the middle of his request: the monolith is let go after its time', async () => {
  use({ idleMs: 100 });
  origin.on('/half', (request) => void request.resume());
  const socket = await connectTo(url());
  socket.write('POST /half HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf');
  await until(async () => outcomes.length > 0);
  expect(outcomes).toEqual(['legacy.silent']);
  await until(async () => !origin.open.has('/half'));
  socket.destroy();
});

it('a client that goes away: neither an answer nor a fault', async () => {
  use({});
  origin.on('/waits', () => undefined);
  const socket = await connectTo(url());
  socket.write('GET /waits HTTP/1.1\r\nHost: h\r\n\r\n');
  await until(async () => origin.open.has('/waits'));
  socket.destroy();
  await until(async () => outcomes.length > 0);
  expect(outcomes).toEqual([499]);
});

it('more requests than may wait: 503 at once; those that wait are not disturbed', async () => {
  use({ inFlight: 2 });
  const finish: (() => void)[] = [];
  origin.on('/slow', (_request, response) => finish.push(() => response.end('slow')));
  const waiting = [get('/slow'), get('/slow')];
  await until(async () => finish.length === 2);
  expect((await get('/other')).statusLine).toContain('503');
  for (const end of finish) end();
  for (const answer of waiting) expect((await answer).body.toString()).toBe('slow');
  expect((await get('/other')).statusLine).toContain('200');
});

it('of one address no more than its part may wait; others are not disturbed', async () => {
  use({ inFlight: 10, inFlightOfAddress: 1 });
  const finish: (() => void)[] = [];
  origin.on('/slow', (_request, response) => finish.push(() => response.end('slow')));
  const waiting = get('/slow');
  await until(async () => finish.length === 1);
  expect((await get('/other')).statusLine).toContain('503');
  address = '192.0.2.1';
  expect((await get('/other')).statusLine).toContain('200');
  address = '127.0.0.1';
  finish[0]!();
  expect((await waiting).body.toString()).toBe('slow');
  expect((await get('/other')).statusLine).toContain('200');
});

it('a client that does not read an answer that is all here: its connection and its place are given up after their time', async () => {
  use({ idleMs: 300 });
  const socket = await connectTo(url());
  socket.pause();
  socket.write('GET /unread HTTP/1.1\r\nHost: h\r\n\r\n');
  await until(async () => outcomes.length > 0);
  expect(outcomes).toEqual([499]);
  const ended = once(socket, 'close');
  socket.resume();
  await ended;
});

it.each([
  ['switches to a protocol that nobody asked for', 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nx'],
  ['has a status that is none', 'HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n'],
  ['has control characters in its words', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n'],
  ['has two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 2\r\n\r\nok'],
  ['has a length and chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n'],
])('an answer that %s: 502, and the next one is well', async (_name, bytes) => {
  use({});
  for (const isRevised of [false, true]) {
    revise = isRevised ? async () => undefined : undefined;
    origin.onRaw('/bad', bytes, (socket) => socket.end());
    expect((await get('/bad')).statusLine).toBe('HTTP/1.1 502 Bad Gateway');
    expect((await get('/good')).statusLine).toContain('200');
  }
  expect(outcomes).toEqual(['legacy.unreachable', 200, 'legacy.unreachable', 200]);
});

it('nobody at the address: 502', async () => {
  const nobody = createTcpServer();
  await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
  const { port } = nobody.address() as AddressInfo;
  await new Promise((resolve) => nobody.close(resolve));
  use({}, `http://127.0.0.1:${port}`);
  expect((await get('/x')).statusLine).toContain('502');
  expect(outcomes).toEqual(['legacy.unreachable']);
});

it('a kept connection that the monolith closed as a question came: asked again, but only what is safe to repeat', async () => {
  use({ keepMs: 60_000 });
  let asked = 0;
  const closing = createTcpServer((socket) => {
    let isFirst = true;
    socket
      .on('error', () => undefined)
      .on('data', () => {
        asked++;
        if (!isFirst) return socket.destroy();
        isFirst = false;
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
  });
  await new Promise<void>((resolve) => closing.listen(0, '127.0.0.1', resolve));
  use({ keepMs: 60_000 }, `http://127.0.0.1:${(closing.address() as AddressInfo).port}`);
  expect((await get('/1')).statusLine).toContain('200');
  expect((await get('/2')).statusLine).toContain('200');
  expect(asked).toBe(3);
  expect((await get('/3')).statusLine).toContain('200'); // its connection is kept
  const post = await exchange(url(), 'POST /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}');
  expect(post.statusLine).toContain('502');
  closing.close();
});

describe('an answer that is looked at', () => {
  it('comes uncompressed, and is passed on as it is or with another body and its length', async () => {
    use({});
    revise = async (_status, body) => (body.includes('"url":"/other"') ? Buffer.from('{"ä":1}') : undefined);
    const request = (path: string) =>
      exchange(url(), `GET ${path} HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n`);
    const same = await request('/same');
    expect(same.body.toString()).not.toContain('gzip');
    const other = await request('/other');
    expect(other).toMatchObject({ body: Buffer.from('{"ä":1}'), isCut: false });
    expect(other.headers.filter((header) => /^content-length/i.test(header))).toEqual(['Content-Length: 8']);
  });

  it('and is too long, or breaks off, is none', async () => {
    use({ inspectedBytes: 10 });
    revise = async () => undefined;
    expect((await get('/long')).statusLine).toContain('502');
    use({});
    origin.onRaw('/cut', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', (socket) => socket.destroy());
    expect((await get('/cut')).statusLine).toContain('502');
  });
});
