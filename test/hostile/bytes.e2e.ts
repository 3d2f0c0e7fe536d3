import { once } from 'node:events';
import { connect } from 'node:net';
import { startTestServer, type TestServer } from '../support/banyan';
import { type Person, register } from '../support/people';
import { offenceOf } from './judge';
import { exchange, send } from './raw-http';

let server: TestServer | undefined;
let ada: Person;

beforeAll(async () => {
  server = await startTestServer();
  ada = await register(server.url, 'ada');
});

afterAll(() => server?.close());

afterEach(() => ada.get('/auth/me').expect(200));

const port = () => Number(new URL(server!.url).port);

it.each(
  Object.entries({
    'no HTTP': 'hello\r\n\r\n',
    'another protocol': Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]),
    NULs: Buffer.alloc(2_000),
    'a request line with a blank in its path': 'GET /api/v1/auth /me HTTP/1.1\r\nHost: a\r\n\r\n',
    'a path with a NUL': 'GET /api/v1/\0 HTTP/1.1\r\nHost: a\r\n\r\n',
    'two lengths': 'POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
    'a length and chunks':
      'POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'chunks that are none':
      'POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n',
    'a negative length': 'POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n',
    'a header without a name': 'GET /health HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n',
    'a header with a NUL': 'GET /health HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n',
    'a version that nobody knows': 'GET /health HTTP/9.9\r\nHost: a\r\n\r\n',
    'a line of 100 kB': `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  }),
)('%s', async (_what, bytes) => {
  const answer = await exchange(port(), bytes);
  expect(offenceOf(answer)).toBeUndefined();
});

it('no host: refused by Node itself, without a word', async () => {
  expect(await exchange(port(), 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatchObject({ status: 400, text: '' });
});

it('a body shorter than announced, and nobody waits: nothing happens', async () => {
  const socket = connect(port(), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"em');
  socket.destroy();
  await ada.get('/auth/me').expect(200);
});

it.each([
  ['OPTIONS', '/api/v1/auth/me'],
  ['OPTIONS', '*'],
  ['OPTIONS', '/api/v1/nope'],
  ['TRACE', '/api/v1/auth/me'],
  ['PATCH', '/api/v1/nope'],
  ['PROPFIND', '/'],
  ['GET', 'http://evil.example/api/v1/auth/me'],
  ['GET', '/docs/../../../../etc/passwd'],
  ['GET', '/docs/%2e%2e/%2e%2e/package.json'],
  ['GET', '/docs/nope.js'],
  ['GET', '/.env'],
  ['GET', '/%2e%2e/.env'],
  ['GET', '/api/v1/../../.env'],
  ['POST', '/'],
  ['HEAD', '/api/v1/nope'],
])('%s %s', async (method, path) => {
  const answer = await send(server!.url, { method, path });
  if (method === 'HEAD') expect(answer.status).toBe(404);
  else expect([offenceOf(answer), answer.text.includes('root:')]).toEqual([undefined, false]);
});
