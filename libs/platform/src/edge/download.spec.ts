import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fastify, type FastifyInstance } from 'fastify';
import type { Download } from '../contract';
import { FolderObjects } from '../objects/folder.objects';
import { createLogger } from '../telemetry/log';
import { answerError } from './answers';
import { answerDownload, mountObjectLinks } from './download';

const BYTES = randomBytes(1_000);
const MODIFIED = '2026-01-02T03:04:05.678901Z';
const LAST_MODIFIED = 'Fri, 02 Jan 2026 03:04:05 GMT';

let server: FastifyInstance;
let objects: FolderObjects;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-download-'));
  objects = new FolderObjects({ folder, secret: 'secret', publicUrl: '' });
  await objects.prepare();
  await objects.put('there.png', Readable.from([BYTES]));
  await objects.put('empty.png', Readable.from([]));
  server = fastify();
  server.setErrorHandler((error, request, reply) => answerError(error, request, reply, createLogger({ level: 'silent' })));
  server.get<{ Params: { key: string } }>('/files/:key', (request, reply) => {
    const { key } = request.params;
    const download: Download = {
      key,
      size_bytes: key === 'empty.png' ? 0 : BYTES.length,
      content_type: 'image/png',
      etag: '"abc"',
      modified_at: MODIFIED,
      file_name: 'a.png"\r\nSet-Cookie: x=y; filename=b.html',
      inline: true,
      max_age_seconds: 31_536_000,
    };
    return answerDownload(request, reply, objects, download);
  });
  mountObjectLinks(server, objects);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const get = (url: string, headers: Record<string, string> = {}) => server.inject({ url, headers });

it('a name breaks out of no header', async () => {
  const { headers } = await get('/files/there.png');
  expect(headers['content-disposition']).toMatch(/^inline; filename="[^"\r\n]*"; filename\*=UTF-8''[^"\r\n;]*$/);
  expect(headers['set-cookie']).toBeUndefined();
});

it.each<[string, number, ...number[]]>([
  ['bytes=0-0', 206, 0, 0],
  ['bytes=990-', 206, 990, 999],
  ['bytes=-10', 206, 990, 999],
  ['bytes=-5000', 206, 0, 999],
  ['bytes=0-999999999999999', 206, 0, 999],
  ['bytes=1000-', 416],
  ['bytes=-0', 416],
  ['bytes=999999999999999-', 416],
  // What is not one range that can be understood is none: the whole, as a server may answer.
  [`bytes=${'9'.repeat(400)}-`, 200],
  ['bytes=5-2', 200],
  ['bytes=-', 200],
  ['bytes=--5', 200],
  ['bytes=0-1,0-1', 200],
  [`bytes=${'0-,'.repeat(2_000)}`, 200],
  ['bytes=0x10-', 200],
  ['bytes=1e3-', 200],
  ['items=0-1', 200],
])('Range: %s', async (range, status, ...[first, last]) => {
  const answer = await get('/files/there.png', { range });
  expect(answer.statusCode).toBe(status);
  if (status === 200) expect(answer.rawPayload).toEqual(BYTES);
  if (status === 206) {
    expect(answer.rawPayload).toEqual(BYTES.subarray(first, last! + 1));
    expect(answer.headers['content-range']).toBe(`bytes ${first}-${last}/1000`);
  }
  if (status === 416) expect(answer.headers['content-range']).toBe('bytes */1000');
});

it.each([
  [{ 'if-none-match': '"abc"' }, 304],
  [{ 'if-none-match': 'W/"x", W/"abc"' }, 304],
  [{ 'if-none-match': '*' }, 304],
  [{ 'if-none-match': '"ab"', 'if-modified-since': LAST_MODIFIED }, 200], // the tag counts
  [{ 'if-modified-since': LAST_MODIFIED }, 304],
  [{ 'if-modified-since': 'Fri, 02 Jan 2026 03:04:04 GMT' }, 200],
  [{ 'if-modified-since': 'no date' }, 200],
  [{ range: 'bytes=0-1', 'if-range': '"abc"' }, 206],
  [{ range: 'bytes=0-1', 'if-range': 'W/"abc"' }, 200],
  [{ range: 'bytes=0-1', 'if-range': LAST_MODIFIED }, 206],
  [{ range: 'bytes=0-1', 'if-range': '"other"' }, 200],
])('%j: %i', async (headers, status) => {
  expect((await get('/files/there.png', headers as unknown as Record<string, string>)).statusCode).toBe(status);
});

it('an empty file has no ranges', async () => {
  expect((await get('/files/empty.png')).headers['content-length']).toBe('0');
  expect((await get('/files/empty.png', { range: 'bytes=0-' })).statusCode).toBe(416);
});

it('only the file is kept by caches, no refusal', async () => {
  const headersOf = async (url: string, headers = {}) => {
    const answer = await get(url, headers);
    return [answer.statusCode, answer.headers['cache-control'], answer.headers['etag'], answer.headers['content-disposition']];
  };
  expect((await headersOf('/files/there.png'))[1]).toBe('public, max-age=31536000');
  expect(await headersOf('/files/gone.png')).toEqual([404, undefined, undefined, undefined]);
  expect(await headersOf('/files/there.png', { range: 'bytes=1000-' })).toEqual([416, undefined, undefined, undefined]);
});

it('a link to a folder answers conditions and ranges like a file', async () => {
  const link = await objects.link('there.png', { expiresInSeconds: 60, contentType: 'image/png', fileName: 'a.png', inline: true });
  const whole = await get(link);
  expect([whole.statusCode, whole.rawPayload, whole.headers['x-content-type-options']]).toEqual([200, BYTES, 'nosniff']);
  expect((await get(link, { range: 'bytes=-1' })).rawPayload).toEqual(BYTES.subarray(-1));
  expect((await get(link, { 'if-none-match': String(whole.headers['etag']) })).statusCode).toBe(304);
  expect((await get(link.replace('there.png', 'empty.png'))).statusCode).toBe(403);
  expect((await get(link.replace('image%2Fpng', 'text%2Fhtml'))).statusCode).toBe(403);
  expect((await get(`${link}&disposition=inline`)).statusCode).toBe(403);
});
