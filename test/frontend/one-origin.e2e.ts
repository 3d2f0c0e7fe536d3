import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '@banyan/platform/config/settings';
import { startServer } from '../../apps/server/src/server';
import { Origin } from '../legacy/origin';
import { startTestServer, type TestServer } from '../support/banyan';
import { exchange } from '../support/raw-http';

const PAGE = '<!doctype html><title>Chat</title>';
const HTML = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const JSON_ONLY = { Accept: 'application/json' };

let folder: string;
let outside: string;

beforeAll(async () => {
  [folder, outside] = [await mkdtemp(join(tmpdir(), 'frontend-')), await mkdtemp(join(tmpdir(), 'outside-'))];
  await mkdir(join(folder, 'assets'));
  await writeFile(join(outside, 'secret.txt'), 'secret');
  for (const [name, text] of Object.entries({
    'index.html': PAGE,
    'assets/index-BXz3a9Q1.js': 'run()',
    'assets/my-component.js': 'part()',
    'robots.txt': 'User-agent: *',
    '.env': 'PASSWORD=1',
    health: 'not mine',
    'a b.txt': 'blank',
  }))
    await writeFile(join(folder, name), text);
  await mkdir(join(folder, 'api'));
  await writeFile(join(folder, 'api', 'x.js'), 'no');
  await symlink(join(outside, 'secret.txt'), join(folder, 'link.txt'));
});
afterAll(() => Promise.all([folder, outside].map((place) => rm(place, { recursive: true }))));

let origin: Origin | undefined;
let server: TestServer;
const get = async (path: string, headers: Record<string, string> = HTML, method = 'GET') => {
  const answer = await fetch(server.url + path, { headers, method, redirect: 'manual' });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};

describe.each(['alone', 'before the monolith'])('1. Configuration and origins: the web client on the same origin, %s', (place) => {
  const isAlone = place === 'alone';
  beforeAll(async () => {
    origin = isAlone ? undefined : await Origin.start();
    const behind = origin && { LEGACY_URL: origin.url };
    server = await startTestServer({ environment: { FRONTEND_DIR: folder, ...behind } });
  });
  afterAll(async () => {
    await server?.close();
    await origin?.stop();
  });

  it.each(['/', '/settings', '/accept-invitation/abc.def', '/no/such/page', '/?invitation=x', '/apis', '/wsx'])(
    'answers %s with the page to whoever wants a page',
    async (path) => {
      const { status, headers, text } = await get(path);
      expect([status, text]).toEqual([200, PAGE]);
      expect(headers.get('content-type')).toMatch('text/html');
      expect(headers.get('cache-control')).toBe('no-cache');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('same-origin');
      expect(headers.get('vary')).toMatch('Accept');
    },
  );

  it.each([JSON_ONLY, { Accept: '*/*' }, { Accept: 'text/html;q=0, application/json' }, { Accept: 'text/plain' }])(
    'and as ever to %j',
    async (headers) => {
      const root = await get('/', headers);
      const unknown = await get('/settings', headers);
      if (isAlone) {
        expect(JSON.parse(root.text)).toMatchObject({ message: 'Secure Messaging API' });
        expect([unknown.status, JSON.parse(unknown.text)]).toEqual([404, expect.objectContaining({ detail: 'Not Found' })]);
      } else expect(JSON.parse(unknown.text)).toMatchObject({ url: '/settings' }); // the monolith has seen it
    },
  );

  it.each(['/api', '/api/v1/nothing', '/api/x.js', '/ws', '/ws/x', '/openapi.json/x', '/console', '/console/x'])(
    'leaves %s to programs, whoever asks',
    async (path) => {
      const { text, status } = await get(path);
      expect(text).not.toBe(PAGE);
      if (isAlone) expect(status).toBe(404);
      else expect(JSON.parse(text)).toMatchObject({ url: path });
    },
  );

  it.each([
    ['/health', /healthy/],
    ['/docs', /swagger/],
    ['/openapi.json', /"openapi"/],
    ['/account/reset-password', /password/],
  ])('leaves %s as it is', async (path, text) => {
    const answer = await get(path);
    expect([answer.status, answer.text]).toEqual([200, expect.stringMatching(text)]);
  });

  it('serves its files; those with a hash in their name for good', async () => {
    const hashed = await get('/assets/index-BXz3a9Q1.js', { Accept: '*/*' });
    expect([hashed.status, hashed.text]).toEqual([200, 'run()']);
    expect(hashed.headers.get('content-type')).toMatch('javascript');
    expect(hashed.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const plain = await get('/assets/my-component.js', { Accept: '*/*' });
    expect([plain.text, plain.headers.get('cache-control')]).toEqual(['part()', 'no-cache']);
    // Not by `fetch`, which asks for a fresh answer when it is given a condition.
    const ifNew = `If-None-Match: ${plain.headers.get('etag')}\r\n`;
    const again = await exchange(server.url, `GET /assets/my-component.js HTTP/1.1\r\nHost: h\r\n${ifNew}Connection: close\r\n\r\n`);
    expect(again.statusLine).toMatch(/ 304 /);
    const head = await get('/robots.txt', {}, 'HEAD');
    expect([head.status, head.text, head.headers.get('content-length')]).toEqual([200, '', '13']);
    expect((await get('/a%20b.txt', {})).text).toBe('blank');
  });

  it.each([
    '/../outside/secret.txt',
    '/..%2f..%2fetc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/assets/..%5c..%5cetc/passwd',
    '/.env',
    '/%2eenv',
    '/link.txt',
    '/assets/',
    '/assets',
    '//etc/passwd',
    '/robots.txt%00.html',
    '/%',
  ])('serves nothing at %s', async (path) => {
    const { statusLine, body } = await exchange(server.url, `GET ${path} HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nConnection: close\r\n\r\n`);
    expect(body.toString()).not.toMatch(/secret$|root:|PASSWORD|doctype/);
    if (isAlone) expect(statusLine).toMatch(/ (?:404|400|307) /);
  });

  it('is only read', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const { text } = await get('/settings', HTML, method);
      expect(text).not.toBe(PAGE);
    }
  });
});

it('a folder without a page stops the start', async () => {
  const start = (FRONTEND_DIR: string) => startServer(loadSettings({ FRONTEND_DIR, DATA_DIR: outside }));
  await expect(start(outside)).rejects.toThrow(/^FRONTEND_DIR should be a folder with an index\.html .* is not \(ENOENT\)\.$/);
  await expect(start(join(outside, 'nothing'))).rejects.toThrow(/^FRONTEND_DIR should be/);
});
