import { randomUUID } from 'node:crypto';
import sharp from 'sharp';
import { variants } from '@banyan/migration/prepare/kinds';
import { startTestServer } from '../support/banyan';
import { startOnLegacy } from '../support/legacy-server';
import { envelope, type Person, register } from '../support/people';
import { placements, startPlaced } from '../support/placements';
import { until } from '../support/until';
import { download, extensions, fileOf, PNG, sha, upload } from './files';

const remote = placements.find(({ name }) => name === 'all domains remote')!;

async function startRemote(): Promise<Started> {
  const deployment = await startPlaced(remote);
  return { url: deployment.url, close: () => deployment.remove() };
}

interface Started {
  readonly url: string;
  close(): Promise<void>;
}

describe.each<[string, () => Promise<Started>]>([
  ['its own database', () => startTestServer({ environment: { CORS_ORIGINS: 'https://chat.example' } })],
  ['services of their own, and S3', startRemote],
  ...variants.map((variant): [string, () => Promise<Started>] => [`the legacy database (${variant})`, () => startOnLegacy(variant, {})]),
])('FRONTEND section 6, media, on %s', (name, start) => {
  let server: Started;
  let [alice, bob, mallory]: Person[] = [];
  beforeAll(async () => {
    server = await start();
    [alice, bob, mallory] = [await register(server.url, 'alice'), await register(server.url, 'bob'), await register(server.url, 'mallory')];
  });
  afterAll(() => server?.close());

  const put = (bytes: Buffer, filename: string, type?: string) => upload(server.url, alice!, bytes, filename, type);

  it('an upload answers what the page reads; its link needs no token', async () => {
    const { body } = await put(PNG, 'photo.png', 'image/png').expect(200);
    expect(body).toEqual({
      id: expect.any(String),
      file_name: 'photo.png',
      file_type: 'image/png',
      file_size: PNG.length,
      file_url: expect.stringMatching(/^\/api\/v1\/media\/files\/[0-9a-f-]{36}\.png$/),
      category: 'image',
    });
    const answer = await download(server.url, `${body.file_url}?anything=1`).expect(200);
    expect(answer.body).toEqual(PNG);
    expect(answer.headers).toMatchObject({
      'content-type': 'image/png',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'cross-origin',
      'content-disposition': `inline; filename="${(body.file_url as string).split('/').at(-1)}"`,
      'accept-ranges': 'bytes',
    });
    await download(server.url, body.file_url).set('If-None-Match', answer.headers['etag']!).expect(304);
    expect((await fetch(`${server.url}${body.file_url}`, { method: 'HEAD' })).status).toBe(405); // as it always was
  });

  it('sent again under its key it is the first upload; other bytes under that key replace nothing', async () => {
    const key = randomUUID();
    const { body: first } = await put(PNG, 'photo.png', 'image/png').set('Idempotency-Key', key).expect(200);
    const used = async () => (await alice!.get('/media/usage').expect(200)).body.used_bytes as number;
    const before = await used();
    expect((await put(PNG, 'photo.png', 'image/png').set('Idempotency-Key', key).expect(200)).body).toEqual(first);
    const other = Buffer.concat([PNG, Buffer.from('<script>')]);
    expect((await put(other, 'photo.png', 'image/png').set('Idempotency-Key', key).expect(422)).body.code).toBe('idempotency_key_reused');
    expect((await download(server.url, first.file_url).expect(200)).body).toEqual(PNG);
    expect(await used()).toBe(before);
  });

  it('a video can be sought in', async () => {
    const bytes = fileOf('mp4', 100_000);
    const { body } = await put(bytes, 'film.mp4', 'video/mp4').expect(200);
    const part = await download(server.url, body.file_url).set('Range', 'bytes=50000-').expect(206);
    expect(part.headers['content-range']).toBe('bytes 50000-99999/100000');
    expect(part.body).toEqual(bytes.subarray(50_000));
    expect((await download(server.url, body.file_url).set('Range', 'bytes=-10').expect(206)).body).toEqual(bytes.subarray(-10));
    const none = await download(server.url, body.file_url).set('Range', 'bytes=100000-').expect(416);
    expect(none.headers['content-range']).toBe('bytes */100000');
    const changed = await download(server.url, body.file_url).set('Range', 'bytes=0-1').set('If-Range', '"another"').expect(200);
    expect(changed.body).toHaveLength(100_000);
  });

  it('a credentialed download from the page’s origin is answered to that origin', async () => {
    if (name !== 'its own database') return expect(name).toMatch(/legacy|services/); // the origins are those of the first
    const { body } = await put(PNG, 'photo.png', 'image/png').expect(200);
    const answer = await download(server.url, body.file_url)
      .set('Origin', 'https://chat.example')
      .set('Authorization', `Bearer ${alice!.token}`);
    expect(answer.headers['access-control-allow-origin']).toBe('https://chat.example');
    expect(answer.headers['access-control-allow-credentials']).toBe('true');
    await download(server.url, body.file_url).set('Authorization', 'Bearer null').expect(200);
  });

  it('the files of a message, uploaded in parallel, are in the history of both, and nobody else is told', async () => {
    const files = extensions.map((extension) => [`a ${extension}.${extension}`, fileOf(extension, 3_000)] as const);
    const uploads = await Promise.all(files.map(([filename, bytes]) => put(bytes, filename).expect(200)));
    const media_refs = uploads.map(({ body }) => body as { id: string; file_url: string });
    const { body: sent } = await alice!.post('/relay/send', { ...envelope(bob!), has_media: true, media_refs }).expect(200);
    const ids = media_refs.map(({ id }) => id).sort();
    for (const [me, other] of [
      [alice!, bob!],
      [bob!, alice!],
    ] as const) {
      const { body } = await me.get(`/messages/conversation/${other.id}`).expect(200);
      const message = (body as { id: string; has_media: boolean; media_attachments: { id: string }[] }[]).find(
        ({ id }) => id === sent.message_id,
      )!;
      expect(message.has_media).toBe(true);
      expect(message.media_attachments.map(({ id }) => id).sort()).toEqual(ids);
      const { body: listed } = await me.get(`/media/message/${sent.message_id}`).expect(200);
      expect((listed as { id: string }[]).map(({ id }) => id).sort()).toEqual(ids);
    }
    expect((await mallory!.get(`/media/message/${sent.message_id}`).expect(200)).body).toEqual([]);
    await mallory!.get(`/media/${ids[0]}/link`).expect(404);
    await mallory!.delete(`/media/${ids[0]}`).expect(403);
    await bob!.delete(`/media/${ids[0]}`).expect(403);
    const { body: link } = await bob!.get(`/media/${ids[0]}/link`).expect(200);
    expect([...new URL(link.url as string).searchParams.keys()].filter((key) => /signature$/i.test(key))).toHaveLength(1);
    expect(Date.parse(link.expires_at as string)).toBeGreaterThan(Date.now());
  });

  it('what another uploaded, or what is linked, is not linked', async () => {
    const { body: hers } = await put(PNG, 'hers.png').expect(200);
    const { body: stolen } = await mallory!.post('/relay/send', { ...envelope(bob!), has_media: true, media_refs: [hers] }).expect(200);
    expect((await bob!.get(`/media/message/${stolen.message_id}`).expect(200)).body).toEqual([]);
    const { body: first } = await alice!.post('/relay/send', { ...envelope(bob!), media_refs: [hers] }).expect(200);
    const { body: second } = await alice!.post('/relay/send', { ...envelope(bob!), media_refs: [hers, { id: 'no id' }, {}] }).expect(200);
    expect((await bob!.get(`/media/message/${first.message_id}`).expect(200)).body).toHaveLength(1);
    expect((await bob!.get(`/media/message/${second.message_id}`).expect(200)).body).toEqual([]);
  });

  it('what is deleted is gone, and its space is free again', async () => {
    const before = (await alice!.get('/media/usage').expect(200)).body.used_bytes as number;
    const { body } = await put(fileOf('pdf', 5_000), 'paper.pdf').expect(200);
    expect((await alice!.get('/media/usage').expect(200)).body.used_bytes).toBe(before + 5_000);
    expect((await alice!.delete(`/media/${body.id}`).expect(200)).body).toEqual({ message: 'Media deleted successfully' });
    await alice!.delete(`/media/${body.id}`).expect(404);
    await download(server.url, body.file_url).expect(404);
    expect((await alice!.get('/media/usage').expect(200)).body.used_bytes).toBe(before);
  });

  it('the files of a message that is deleted for both sides go with it', async () => {
    const { body } = await put(fileOf('pdf', 5_000), 'paper.pdf').expect(200);
    const { body: sent } = await alice!.post('/relay/send', { ...envelope(bob!), media_refs: [body] }).expect(200);
    await alice!.delete(`/messages/${sent.message_id}?for=both`).expect(200);
    await until(async () => (await download(server.url, body.file_url)).status === 404);
    expect((await bob!.get(`/media/message/${sent.message_id}`).expect(200)).body).toEqual([]);
  });

  it('what a recipient is told of files is what was uploaded, in the sender’s order, whatever the sender says', async () => {
    const [first, second] = [(await put(PNG, 'one.png').expect(200)).body, (await put(PNG, 'two.png').expect(200)).body] as {
      id: string;
    }[];
    const said = [{ ...second, file_url: 'javascript:alert(1)', file_type: 7 }, { id: 'none' }, { ...first, file_name: '<b>' }];
    const { body: sent } = await alice!.post('/relay/send', { ...envelope(bob!), has_media: true, media_refs: said }).expect(200);
    const { body: pending } = await bob!.get('/relay/pending').expect(200);
    const message = (pending.messages as { id: string; media_refs: unknown }[]).find(({ id }) => id === sent.message_id)!;
    expect(message.media_refs).toEqual([second, first]);
  });

  it('a large image gets a thumbnail, without what the camera wrote', async () => {
    const image = await sharp({ create: { width: 1_000, height: 500, channels: 3, background: 'red' } })
      .withExif({ IFD0: { Copyright: 'where I live' } })
      .jpeg()
      .toBuffer();
    const { body } = await put(image, 'large.jpg', 'image/jpeg').expect(200);
    const { body: sent } = await alice!.post('/relay/send', { ...envelope(bob!), media_refs: [body] }).expect(200);
    let url: string | null = null;
    await until(async () => {
      const { body: messages } = await bob!.get(`/messages/conversation/${alice!.id}`).expect(200);
      const found = (messages as { id: string; media_attachments: { thumbnail_url: string | null }[] }[]).find(
        ({ id }) => id === sent.message_id,
      );
      url = found?.media_attachments[0]?.thumbnail_url ?? null;
      return url !== null;
    });
    const thumbnail = await download(server.url, url!).expect(200);
    const seen = await sharp(thumbnail.body as Buffer).metadata();
    expect([seen.format, seen.width, seen.height, seen.exif]).toEqual(['webp', 320, 160, undefined]);
  });

  it('refusals are in words', async () => {
    expect((await put(Buffer.from('MZ'), 'run.exe').expect(400)).body.detail).toBe('File type not allowed');
    const large = await put(fileOf('mp4', 50 * 1024 * 1024 + 1), 'film.mp4').expect(400);
    expect(large.body.detail).toBe('File too large (max 50MB)');
    const missing = await alice!.post('/media/upload').field('message_id', 'x').expect(422);
    expect(missing.body).toMatchObject({ detail: 'file: Field required', errors: [{ type: 'missing', loc: ['body', 'file'] }] });
    await alice!.post('/media/upload', {}).expect(422);
    await upload(server.url, { ...alice!, token: 'null' }, PNG, 'photo.png').expect(401);
    await download(server.url, `/api/v1/media/files/${randomUUID()}.png`).expect(404);
    await download(server.url, '/api/v1/media/files/..%2f..%2fetc%2fpasswd').expect(404);
  });

  it('a hundred at once, of all kinds and sizes, are intact', async () => {
    const files = Array.from({ length: 100 }, (_, i) => {
      const extension = extensions[i % extensions.length]!;
      return { extension, bytes: fileOf(extension, i % 25 === 24 ? 6_000_000 : 1 + i * 1_999) };
    });
    const stored = await Promise.all(files.map(({ extension, bytes }, i) => put(bytes, `file ${i}.${extension}`).expect(200)));
    for (const [i, { body }] of stored.entries()) {
      const answer = await download(server.url, body.file_url).expect(200);
      expect(sha(answer.body as Buffer)).toBe(sha(files[i]!.bytes));
    }
  });
});
