import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { dropDatabases, freshEnvironment } from '../support/banyan';
import { connectTo, exchange, parseAnswer, type RawAnswer, untilEnd } from '../support/raw-http';
import { ServerProcess } from '../support/server-process';
import { until } from '../support/until';
import { Origin, see, type Seen } from './origin';

let origin: Origin;
let environment: Record<string, string>;
/** Everything is at legacy: what a new host does that is given LEGACY_URL and nothing else. */
let host: ServerProcess;

beforeAll(async () => {
  origin = await Origin.start();
  environment = freshEnvironment();
  host = await ServerProcess.start({ ...environment, LEGACY_URL: origin.url });
});

afterAll(async () => {
  await host?.remove();
  await origin?.stop();
  await dropDatabases(environment);
});

/** Each side says these itself: they are of a connection, or of a moment. */
const OF_THE_HOP = /^(date|connection|keep-alive|transfer-encoding):/i;
const comparable = ({ headers, ...answer }: RawAnswer) => ({
  ...answer,
  headers: headers.filter((header) => !OF_THE_HOP.test(header)).map((header) => header.trimEnd()),
});

/** The same bytes to both; both name the host, so that whatever is made from the name is the same too. */
async function onBoth(request: string): Promise<{ directly: RawAnswer; through: RawAnswer }> {
  const bytes = request.replaceAll('HOST', new URL(host.url).host);
  const [directly, through] = [await exchange(origin.url, bytes), await exchange(host.url, bytes)];
  return { directly, through };
}

const seenIn = ({ body }: RawAnswer) => JSON.parse(body.toString()) as Seen;

describe('a request', () => {
  const head = (line: string, ...headers: string[]) =>
    [`${line} HTTP/1.1`, 'Host: HOST', 'Connection: close', ...headers, '', ''].join('\r\n');

  it.each([
    ['of a known operation', head('GET /api/v1/relay/pending', 'Authorization: Bearer x')],
    ['of an unknown path', head('GET /api/v1/groups/')],
    ['with a query that is none', head('GET /api/v1/media/files/a?&&==&a=%zz&b=%00')],
    ['with broken escapes', head('GET /api/v1/%zz/%')],
    ['with dots and slashes', head('GET //api/v1/../..//%2e%2e/relay;x=1/pending/.')],
    ['with a very long path', head(`GET /api/v1/users/${'a'.repeat(6_000)}`)],
    ['in absolute form', head('GET http://other.example/api/v1/users/x?y')],
    [
      'with repeated and oddly spelled headers',
      head('GET /x', 'x-Odd: 1', 'X-ODD: 2', 'Cookie: a=b', 'cookie: c=d', 'Accept:', 'X-Latin: \xe4'),
    ],
    ['of another method', head('PROPFIND /api/v1/relay/send', 'Content-Length: 3') + 'abc'],
    ['that deletes with a body', head('DELETE /api/v1/media/x', 'Content-Length: 2') + '{}'],
    ['that gets with a chunked body', head('GET /api/v1/x', 'Transfer-Encoding: chunked') + '3\r\nabc\r\n0\r\n\r\n'],
    ['that posts nothing', head('POST /api/v1/groups/create?name=a', 'Content-Length: 0')],
    ['that posts what is no JSON', head('POST /api/v1/relay/send', 'Content-Type: application/json', 'Content-Length: 5') + '{"a\0b'],
    ['that posts JSON twice as deep as allowed here', head('POST /api/v1/auth/login', 'Content-Length: 200') + '['.repeat(200)],
    ['with a type nobody knows', head('POST /api/v1/auth/register', 'Content-Type: ;;;', 'Content-Length: 1') + 'x'],
    [
      'of a page’s browser before the real one',
      head('OPTIONS /api/v1/relay/send', 'Origin: https://a.example', 'Access-Control-Request-Method: POST'),
    ],
    ['for options of a file', head('OPTIONS /api/v1/media/files/a.png')],
    ['of HTTP/1.0', 'GET /api/v1/old HTTP/1.0\r\nHost: HOST\r\n\r\n'],
  ])('%s arrives as it was sent', async (_name, request) => {
    const { directly, through } = await onBoth(request);
    expect(through.statusLine).toMatch(/ 200 /);
    const [sent, arrived] = [seenIn(directly), seenIn(through)];
    const forwarded = ['X-Forwarded-For', '127.0.0.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', new URL(host.url).host];
    expect(arrived).toEqual({
      ...sent,
      rawHeaders: [...withoutHop(sent.rawHeaders), ...framing(sent.rawHeaders), ...forwarded, 'Connection', 'keep-alive'],
    });
  });

  function withoutHop(raw: readonly string[]): string[] {
    return raw.filter((_, i) => !/^(connection|transfer-encoding)$/i.test(raw[i - (i % 2)]!));
  }

  function framing(raw: readonly string[]): string[] {
    return raw.includes('Transfer-Encoding') ? ['Transfer-Encoding', 'chunked'] : [];
  }

  it('cannot say whom it came from, and names of its connection stay there', async () => {
    const answer = await exchange(
      host.url,
      'GET /x HTTP/1.1\r\nHost: h.example\r\nConnection: close, X-Secret, Host\r\nX-Secret: 1\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\nTE: trailers\r\nProxy-Authorization: x\r\n\r\n',
    );
    expect(seenIn(answer).rawHeaders).toEqual(
      ['Host', 'h.example', 'X-Forwarded-For', '127.0.0.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'h.example'].concat([
        'Connection',
        'keep-alive',
      ]),
    );
  });

  it('that names two hosts is refused', async () => {
    const answer = await exchange(host.url, 'GET /x HTTP/1.1\r\nHost: a\r\nhost: b\r\nConnection: close\r\n\r\n');
    expect(answer.statusLine).toBe('HTTP/1.1 400 Bad Request');
  });

  it('that wants to speak another protocol is an ordinary request', async () => {
    const answer = await exchange(
      host.url,
      'GET /api/v1/x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
    );
    expect(answer.statusLine).toBe('HTTP/1.1 200 OK');
  });

  it('of 50 MB streams: what legacy does not read is not taken from the client', async () => {
    let isReading = false;
    let seen: Promise<Seen> | undefined;
    let startReading: () => void = () => undefined;
    origin.on('/api/v1/media/upload', (request, response) => {
      request.pause();
      startReading = () => {
        isReading = true;
        seen = see(request);
        void seen.then((what) => response.end(JSON.stringify(what)));
      };
    });
    const piece = randomBytes(65_536);
    const pieces = 800;
    const socket = await connectTo(host.url);
    socket.write('POST /api/v1/media/upload HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n');
    const answer = untilEnd(socket);
    const hash = createHash('sha256');
    let taken = 0;
    for (let i = 0; i < pieces; i++) {
      hash.update(piece);
      if (!socket.write(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]))) {
        if (!isReading) {
          const hasDrained = await Promise.race([
            once(socket, 'drain').then(() => true),
            new Promise<false>((resolve) => setTimeout(resolve, 500, false)),
          ]);
          if (!hasDrained) {
            taken = socket.bytesWritten - socket.writableLength;
            startReading();
            await once(socket, 'drain');
          }
        } else await once(socket, 'drain');
      }
    }
    socket.write('0\r\n\r\n');
    const received = seenIn(parseAnswer(await answer));
    expect(received).toMatchObject({ sizeBytes: pieces * piece.length, sha256: hash.digest('hex') });
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(20_000_000); // the buffers of two connections, not the file
  });

  it('that comes slowly arrives', async () => {
    const socket = await connectTo(host.url);
    const answer = untilEnd(socket);
    socket.write('POST /api/v1/slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 6\r\n\r\n');
    for (const letter of 'slowly') {
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.write(letter);
    }
    expect(seenIn(parseAnswer(await answer))).toMatchObject({ sizeBytes: 6 });
  });

  it('with `Expect` is told to go on', async () => {
    const socket = await connectTo(host.url);
    const answer = untilEnd(socket);
    socket.write('POST /api/v1/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
    await once(socket, 'data');
    socket.write('ok');
    expect(seenIn(parseAnswer(await answer))).toMatchObject({ sizeBytes: 2 });
  });

  it('whose client goes away is ended at legacy too', async () => {
    origin.on('/api/v1/never', () => undefined);
    const socket = await connectTo(host.url);
    socket.write('GET /api/v1/never HTTP/1.1\r\nHost: h\r\n\r\n');
    await until(async () => origin.open.has('/api/v1/never'));
    socket.destroy();
    await until(async () => !origin.open.has('/api/v1/never'));
  });

  it('whose client goes away in the middle of its body is ended at legacy too', async () => {
    origin.on('/api/v1/half', (request) => void see(request).catch(() => undefined));
    const socket = await connectTo(host.url);
    socket.write('POST /api/v1/half HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf');
    await until(async () => origin.open.has('/api/v1/half'));
    socket.destroy();
    await until(async () => !origin.open.has('/api/v1/half'));
  });
});

describe('an answer', () => {
  const get = (path: string, method = 'GET') => `${method} ${path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n`;

  it.each([
    [
      'with headers spelled oddly and twice',
      'HTTP/1.1 200 Very Well\r\nsEt-CookIe: a=1\r\nSet-Cookie: b=2\r\nX-Empty:\r\nX-Latin: \xe4\r\nContent-Length: 2\r\n\r\nok',
    ],
    [
      'of a part',
      'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/10\r\nETag: "x"\r\nAccept-Ranges: bytes\r\nContent-Length: 3\r\n\r\n234',
    ],
    ['that nothing changed', 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n'],
    ['without content', 'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'],
    ['compressed', 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00'],
    [
      'of a fault',
      'HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n\r\nInternal Server Error',
    ],
    ['with a status nobody knows', 'HTTP/1.1 299 Hm\r\nContent-Length: 0\r\n\r\n'],
    ['with no word for its status', 'HTTP/1.1 422 \r\nContent-Length: 2\r\n\r\n{}'],
    ['to another server', 'HTTP/1.1 307 Temporary Redirect\r\nLocation: https://elsewhere.example/a?b#c\r\nContent-Length: 0\r\n\r\n'],
    ['to a path', 'HTTP/1.1 302 Found\r\nLocation: /a/b?c\r\nContent-Length: 0\r\n\r\n'],
    ['after early hints', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ])('%s is passed on as it is', async (_name, bytes) => {
    const path = `/answer/${randomUUID()}`;
    origin.onRaw(path, bytes, (socket) => socket.end());
    const { directly, through } = await onBoth(get(path));
    expect(comparable(through)).toEqual(comparable(directly));
  });

  it('that ends with its connection is whole when that ends', async () => {
    origin.onRaw('/until-close', 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it', (socket) => socket.end());
    expect(await exchange(host.url, get('/until-close'))).toMatchObject({ body: Buffer.from('all of it'), isCut: false });
  });

  it('to HEAD has the length of what it does not bring', async () => {
    origin.onRaw('/head', 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n', (socket) => socket.end());
    const { directly, through } = await onBoth(get('/head', 'HEAD'));
    expect(comparable(through)).toEqual(comparable(directly));
    expect(through.headers).toContain('Content-Length: 1234');
  });

  it('that redirects within legacy leads to where the client came from', async () => {
    origin.onRaw('/slash', `HTTP/1.1 307 Temporary Redirect\r\nlocation: ${origin.url}/slash/?q=1\r\nContent-Length: 0\r\n\r\n`);
    const { headers } = await exchange(host.url, get('/slash').replace('HOST', 'chat.example:81'));
    expect(headers).toContain('location: http://chat.example:81/slash/?q=1');
  });

  it('that breaks off breaks off, whatever its framing', async () => {
    origin.onRaw('/cut/length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', (socket) => socket.resetAndDestroy());
    origin.onRaw('/cut/chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', (socket) => socket.destroy());
    for (const path of ['/cut/length', '/cut/chunks']) {
      const answer = await exchange(host.url, get(path));
      expect(answer).toMatchObject({ statusLine: 'HTTP/1.1 200 OK', isCut: true });
    }
  });

  it.each([
    ['that is no HTTP', 'what?\r\n\r\n'],
    ['that never begins', ''],
  ])('%s is a 502 in the words of the API', async (_name, bytes) => {
    origin.onRaw('/broken', bytes, (socket) => socket.destroy());
    const answer = await exchange(host.url, get('/broken'));
    expect(answer.statusLine).toBe('HTTP/1.1 502 Bad Gateway');
    expect(JSON.parse(answer.body.toString())).toEqual({
      detail: expect.any(String) as string,
      code: 'legacy.unreachable',
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    });
  });

  it('of 50 MB streams: what the client does not read is not taken from legacy', async () => {
    const total = 800 * 65_536;
    let written = 0;
    origin.on('/download', (_request, response) => {
      response.setHeader('Content-Length', total);
      const piece = randomBytes(65_536);
      const more = () => {
        while (response.writableLength < 1_000_000 && written < total) {
          response.write(piece);
          written += piece.length;
        }
        if (written === total) return response.end();
        response.once('drain', more);
      };
      more();
    });
    const socket = await connectTo(host.url);
    socket.pause();
    socket.write('GET /download HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    let before = -1;
    await until(async () => {
      const now = written;
      await new Promise((resolve) => setTimeout(resolve, 200));
      const isStill = now > 0 && before === now && now === written;
      before = now;
      return isStill;
    });
    expect(written).toBeLessThan(20_000_000);
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
    await once(socket, 'close');
    expect(received).toBeGreaterThan(total);
  });
});

describe('behind a proxy that is trusted', () => {
  let behind: ServerProcess;
  let settings: Record<string, string>;
  beforeAll(async () => {
    settings = freshEnvironment();
    behind = await ServerProcess.start({ ...settings, LEGACY_URL: origin.url, TRUSTED_PROXIES: 'loopback 10.0.0.0/8' });
  });
  afterAll(async () => {
    await behind?.remove();
    await dropDatabases(settings);
  });
  const ask = (path: string, ...headers: string[]) =>
    exchange(behind.url, [`GET ${path} HTTP/1.1`, 'Host: inside:1', 'Connection: close', ...headers, '', ''].join('\r\n'));

  it.each([
    ['X-Forwarded-For: 192.0.2.7', '192.0.2.7, 127.0.0.1'],
    ['X-Forwarded-For: 192.0.2.7, 10.1.2.3', '192.0.2.7, 10.1.2.3, 127.0.0.1'],
    ['X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.1.2.3', '192.0.2.7, 10.1.2.3, 127.0.0.1'], // what a client claims ends at who is not trusted
    ['x-other: 1', '127.0.0.1'],
  ])('the client of %s is told as %s', async (header, told) => {
    const { rawHeaders } = seenIn(await ask('/x', header, 'X-Forwarded-Proto: https', 'X-Forwarded-Host: chat.example'));
    const said = Object.fromEntries(
      rawHeaders.flatMap((name, i) => (i % 2 === 0 && /^(x-f|host)/i.test(name) ? [[name, rawHeaders[i + 1]]] : [])),
    );
    expect(said).toEqual({
      Host: 'inside:1',
      'X-Forwarded-For': told,
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'chat.example',
    });
  });

  it.each([['inside:1'], ['chat.example'], ['LEGACY']])('a redirect to %s leads to where the client came from', async (place) => {
    const authority = place === 'LEGACY' ? new URL(origin.url).host : place;
    origin.onRaw('/slash', `HTTP/1.1 307 Temporary Redirect\r\nLocation: http://${authority}/slash/\r\nContent-Length: 0\r\n\r\n`);
    const { headers } = await ask('/slash', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: chat.example');
    expect(headers).toContain('Location: https://chat.example/slash/');
  });
});

it('while legacy is down its part is refused, and is back when it is', async () => {
  const { port } = origin;
  await origin.stop();
  try {
    for (const path of ['/api/v1/relay/pending', '/api/v1/groups/']) {
      const answer = await fetch(host.url + path, { headers: { origin: 'https://a.example' } });
      expect(answer.status).toBe(502);
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
      expect(await answer.json()).toMatchObject({ code: 'legacy.unreachable' });
    }
    expect((await fetch(`${host.url}/health`)).status).toBe(200);
    expect((await fetch(`${host.url}/readyz`)).status).toBe(200);
  } finally {
    await origin.listen(port);
  }
  expect((await fetch(`${host.url}/api/v1/relay/pending`)).status).toBe(200);
});
