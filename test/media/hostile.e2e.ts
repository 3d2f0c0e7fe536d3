import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { startTestServer, type TestServer } from '../support/banyan';
import { envelope, type Person, register } from '../support/people';
import { connectTo, exchange, parseAnswer, untilEnd } from '../support/raw-http';
import { until } from '../support/until';
import { download, fileOf, PNG, upload } from './files';
import { type HostileFile, hostileFiles } from './hostile-files';

const INLINE = /^(image\/(png|jpeg|gif|webp|bmp)|video\/[\w-]+)$/;

describe('what people with bad intentions send', () => {
  let server: TestServer;
  let [alice, bob]: Person[] = [];
  let files: HostileFile[];
  beforeAll(async () => {
    server = await startTestServer();
    [alice, bob] = [await register(server.url, 'alice'), await register(server.url, 'bob')];
    files = await hostileFiles();
  });
  afterAll(() => server?.close());

  const stored = async () => {
    const folder = join(server.environment['DATA_DIR']!, 'objects');
    return [(await readdir(folder)).filter((name) => !/^\.|thumbnail/.test(name)).sort(), await readdir(join(folder, '.partial'))] as const;
  };

  /** When nothing is being written any more: a thumbnail that is being made counts for as long as it takes. */
  const settled = () =>
    until(async () => {
      const [names, partials] = await stored();
      return partials.length === 0 && names;
    });

  it('files of every kind: refused with nothing left, or kept as they are and harmless', async () => {
    expect(files.length).toBeGreaterThanOrEqual(60);
    const outcomes: string[] = [];
    const expected: string[] = [];
    for (const { what, name, bytes, type, fate } of files) {
      const before = await settled();
      const answer = await form([filePart('file', name, bytes, type)]);
      const refused = answer.status >= 400 && answer.status < 500;
      let seen: string = refused ? 'refused' : `${answer.status}`;
      if (refused) expect([what, await settled()]).toEqual([what, before]);
      if (answer.status === 200) {
        const { file_url, file_name } = answer.body as { file_url: string; file_name: string };
        expect([what, file_url]).toEqual([what, expect.stringMatching(/^\/api\/v1\/media\/files\/[0-9a-f-]{36}\.[a-z0-9]{3,4}$/)]);
        expect([what, file_name]).toEqual([what, expect.not.stringMatching(/[\0-\x1f\u202e]/)]);
        const got = await download(server.url, file_url).expect(200);
        const kind = got.headers['content-disposition']!.split(';')[0];
        const isHarmless =
          (got.body as Buffer).equals(bytes) &&
          got.headers['x-content-type-options'] === 'nosniff' &&
          /sandbox/.test(got.headers['content-security-policy']!) &&
          !/html|svg|\/xml|javascript/.test(got.headers['content-type']!) &&
          (kind === 'attachment' || INLINE.test(got.headers['content-type']!));
        seen = isHarmless ? (kind === 'inline' ? 'shown' : 'saved') : `harmful: ${JSON.stringify(got.headers)}`;
      }
      outcomes.push(`${what}: ${seen}`);
      expected.push(`${what}: ${fate}`);
    }
    expect(outcomes).toEqual(expected);
  });

  it('a photo’s thumbnail does not say where it was taken; the photo is its owner’s', async () => {
    const photo = files.find(({ what }) => what.startsWith('a photo that says where'))!;
    const { body } = await upload(server.url, alice!, photo.bytes, photo.name, photo.type).expect(200);
    await alice!.post('/relay/send', { ...envelope(bob!), media_refs: [body] }).expect(200);
    const { thumbnail_url } = await until(async () => {
      const { body: list } = await bob!.get(`/messages/conversation/${alice!.id}`).expect(200);
      return (list as { media_attachments: { id: string; thumbnail_url: string | null }[] }[])
        .flatMap(({ media_attachments }) => media_attachments)
        .find(({ id, thumbnail_url: url }) => id === (body as { id: string }).id && url);
    });
    const { exif, xmp, iptc } = await sharp((await download(server.url, thumbnail_url!).expect(200)).body as Buffer).metadata();
    expect([exif, xmp, iptc]).toEqual([undefined, undefined, undefined]);
  });

  const B = 'boundary-of-the-test';
  const filePart = (field: string, name: string, bytes: Buffer, type = 'application/octet-stream'): Buffer =>
    Buffer.concat([
      Buffer.from(
        `--${B}\r\nContent-Disposition: form-data; name="${field}"; filename="${name.replace(/["\\]/g, (sign) => `\\${sign}`)}"\r\nContent-Type: ${type}\r\n\r\n`,
      ),
      bytes,
      Buffer.from('\r\n'),
    ]);
  const field = (name: string, value: string) =>
    Buffer.from(`--${B}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
  const END = Buffer.from(`--${B}--\r\n`);
  const head = (more: string, type = `multipart/form-data; boundary=${B}`) =>
    `POST /api/v1/media/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${alice!.token}\r\nContent-Type: ${type}\r\n${more}\r\n`;
  const send = async (bytes: Buffer) => {
    const { statusLine, body } = await exchange(server.url, bytes);
    return { status: Number(statusLine.split(' ')[1] ?? 0), body: body.length > 0 ? (JSON.parse(body.toString()) as unknown) : undefined };
  };
  const form = (parts: Buffer[], { end = END, type }: { end?: Buffer; type?: string } = {}) => {
    const body = Buffer.concat([...parts, end]);
    return send(Buffer.concat([Buffer.from(head(`Content-Length: ${body.length}\r\n`, type)), body]));
  };

  it.each<[string, () => Promise<{ status: number }>, number | 'closed']>([
    ['fields before and after the file', () => form([field('message_id', 'x'), filePart('file', 'a.png', PNG), field('more', 'y')]), 200],
    ['another file beside it', () => form([filePart('file', 'a.png', PNG), filePart('other', 'b.png', PNG)]), 400],
    ['two files', () => form([filePart('file', 'a.png', PNG), filePart('file', 'b.png', PNG)]), 400],
    ['a file of another name', () => form([filePart('files', 'a.png', PNG)]), 422],
    ['a file that is a field', () => form([field('file', 'text')]), 422],
    ['no parts', () => form([]), 422],
    ['an empty body', () => send(Buffer.from(head('Content-Length: 0\r\n'))), 422],
    ['no boundary', () => form([filePart('file', 'a.png', PNG)], { type: 'multipart/form-data' }), 400],
    ['another boundary', () => form([filePart('file', 'a.png', PNG)], { type: 'multipart/form-data; boundary=other' }), 400],
    ['another kind of body', () => form([filePart('file', 'a.png', PNG)], { type: 'application/x-www-form-urlencoded' }), 400],
    ['no end of the form', () => form([filePart('file', 'a.png', PNG)], { end: Buffer.alloc(0) }), 400],
    ['half an end of the form', () => form([filePart('file', 'a.png', PNG)], { end: Buffer.from(`--${B}`) }), 400],
    [
      'an end in the middle of the file',
      () => form([filePart('file', 'a.png', fileOf('mp4', 300_000)).subarray(0, 200_000)], { end: Buffer.alloc(0) }),
      400,
    ],
    ['a hundred fields', () => form([...Array.from({ length: 100 }, (_, i) => field(`f${i}`, 'x')), filePart('file', 'a.png', PNG)]), 400],
    ['a field named like a part of every object', () => form([field('__proto__', 'x'), filePart('file', 'a.png', PNG)]), 400],
    [
      'headers of a part without end',
      () => form([Buffer.from(`--${B}\r\n${'X-A: b\r\n'.repeat(20_000)}\r\n`), filePart('file', 'a.png', PNG)]),
      200,
    ],
    [
      'one header of a part without end',
      () =>
        form([Buffer.from(`--${B}\r\nContent-Disposition: form-data; name="file"; filename="${'a'.repeat(200_000)}.png"\r\n\r\nx\r\n`)]),
      422,
    ],
    [
      'a file that says how its bytes are to be read',
      () =>
        form([
          Buffer.concat([
            Buffer.from(
              `--${B}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
            ),
            Buffer.from(PNG.toString('base64')),
            Buffer.from('\r\n'),
          ]),
        ]),
      400,
    ],
    [
      'chunks',
      () => {
        const body = Buffer.concat([filePart('file', 'a.png', PNG), END]);
        const chunks = [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')];
        return send(Buffer.concat([Buffer.from(head('Transfer-Encoding: chunked\r\n')), ...chunks]));
      },
      200,
    ],
    [
      'a length that is too short',
      () => {
        const body = Buffer.concat([filePart('file', 'a.mp4', fileOf('mp4', 100_000)), END]);
        return send(Buffer.concat([Buffer.from(head('Content-Length: 50000\r\n')), body]));
      },
      400,
    ],
    ['two lengths', () => send(Buffer.from(head('Content-Length: 5\r\nContent-Length: 6\r\n') + 'abcdef')), 400],
    ['a length and chunks', () => send(Buffer.from(head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n') + '0\r\n\r\n')), 400],
  ])('a form with %s', async (_what, play, status) => {
    const before = await settled();
    expect((await play()).status).toBe(status);
    if (status !== 200) await until(async () => JSON.stringify(await settled()) === JSON.stringify(before));
  });

  it('a client that goes away in the middle leaves nothing', async () => {
    const before = await settled();
    for (let n = 0; n < 10; n++) {
      const socket = await connectTo(server.url);
      const part = filePart('file', 'film.mp4', fileOf('mp4', 3_000_000));
      socket.write(head(`Content-Length: ${part.length + END.length}\r\n`));
      socket.write(part.subarray(0, 200_000 * (n + 1)));
      if (n > 0) await until(async () => (await stored())[1].length > 0);
      if (n % 2) socket.destroy();
      else socket.resetAndDestroy();
      await until(async () => JSON.stringify(await settled()) === JSON.stringify(before));
    }
    // And whoever comes after him is served.
    await upload(server.url, alice!, PNG, 'photo.png').expect(200);
  });

  it('a file that is too large is refused while it still comes, and the client reads it', async () => {
    const before = await settled();
    const socket = await connectTo(server.url);
    const answered = untilEnd(socket.setMaxListeners(0));
    socket.write(head(`Content-Length: ${60 * 1024 * 1024}\r\n`));
    socket.write(filePart('file', 'film.mp4', fileOf('mp4', 100)).subarray(0, -2));
    const piece = Buffer.alloc(1024 * 1024);
    for (let n = 0; n < 60 && !socket.destroyed; n++) {
      if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
    }
    expect(parseAnswer(await answered).statusLine).toContain('400');
    expect(await settled()).toEqual(before);
  });

  it.each([
    '..%2f..%2f..%2fetc%2fpasswd',
    '%2e%2e/%2e%2e/etc/passwd',
    '..%5c..%5cx',
    '%00',
    'x.png%00.html',
    '.partial',
    '%2epartial%2fx',
    'a'.repeat(500),
  ])('a file by the name of %s is not there', async (name) => {
    const { statusLine } = await exchange(server.url, `GET /api/v1/media/files/${name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(Number(statusLine.split(' ')[1])).toBeGreaterThanOrEqual(400);
    expect(Number(statusLine.split(' ')[1])).toBeLessThan(500);
  });
});
