import { spawn } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { S3Objects } from '@banyan/platform/objects/s3.objects';
import { type Variant, variants } from '@banyan/migration/prepare/kinds';
import { freshBucket } from '../support/banyan';
import { banyan } from '../support/cli';
import { type ServerOnLegacy, startOnLegacy } from '../support/legacy-server';
import { type Person, register } from '../support/people';
import { until } from '../support/until';

const FILES = 120;
const LINKED = `${randomUUID()}.txt`;
const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The monolith's folder as it may be: files of messages, files without a row, a row without a file, and what is no file of its own. */
describe.each(variants)('banyan media copy (%s)', (variant: Variant) => {
  let folder: string;
  let server: ServerOnLegacy;
  let environment: Record<string, string>;
  let alice: Person;
  let bob: Person;
  let objects: S3Objects;
  const files = new Map<string, { sha256: string; id: string | undefined }>();
  let gone: string;

  beforeAll(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'banyan-uploads-')), 'uploads');
    await mkdir(folder);
    const bucket = freshBucket();
    server = await startOnLegacy(variant, { environment: { ...bucket, LEGACY_UPLOADS_DIR: folder } });
    environment = { ...server.server.environment, LOG_LEVEL: 'silent' };
    objects = new S3Objects({
      endpoint: bucket['S3_ENDPOINT']!,
      region: 'us-east-1',
      bucket: bucket['S3_BUCKET']!,
      accessKey: bucket['S3_ACCESS_KEY']!,
      secretKey: bucket['S3_SECRET_KEY']!,
    });
    [alice, bob] = [await register(server.url, 'alice'), await register(server.url, 'bob')];
    const client = await server.legacy.connect();
    const { body: message } = await alice
      .post('/messages/send', { sender_id: alice.id, recipient_id: bob.id, encrypted_content: 'c', encrypted_session_key: 'k' })
      .expect(200);
    const insert = (id: string, file: string, size: number) =>
      client.query(
        `INSERT INTO public.media_attachments (id, message_id, file_name, file_type, file_size, file_url, created_at) VALUES ($1, $2, 'a.pdf', 'application/pdf', $3, $4, now())`,
        [id, message.id, size, `/api/v1/media/files/${file}`],
      );
    for (let n = 0; n < FILES; n++) {
      const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(n % 20 === 0 ? 3_000_000 : 20_000)]);
      const name = `${randomUUID()}.pdf`;
      await writeFile(join(folder, name), bytes);
      const id = n % 10 === 9 ? undefined : randomUUID();
      if (id) await insert(id, name, bytes.length);
      files.set(name, { sha256: sha(bytes), id });
    }
    await insert((gone = randomUUID()), `${randomUUID()}.pdf`, 1);
    await writeFile(join(folder, 'notes of the administrator.txt'), 'no upload');
    await symlink('/etc/passwd', join(folder, LINKED));
  });
  afterAll(async () => {
    await objects?.close();
    await server?.close();
    await rm(join(folder, '..'), { recursive: true, force: true });
  });

  const copied = async () => {
    let count = 0;
    for (const name of files.keys()) if (await objects.find(name)) count++;
    return count;
  };

  it('killed in its middle it goes on where it was; at the end every file is there with its hash', async () => {
    const program = join(__dirname, '../../apps/cli/banyan.mjs');
    const child = spawn(process.execPath, [program, 'media', 'copy'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...environment },
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await until(async () => (await copied()) > 5);
    child.kill('SIGKILL');
    await ended;
    const before = await copied();
    expect(before).toBeLessThan(FILES);
    expect((await fetch(`${server.url}/api/v1/media/files/${LINKED}`)).status).toBe(404);

    const second = await banyan(environment, 'media', 'copy', '--json');
    expect(second.err.split('\n').filter((line) => line.endsWith(` of ${FILES}`)).length).toBeGreaterThan(50); // in a log too one sees it go on
    expect(second.err).toContain(`${FILES} of ${FILES}\n`);
    const report = JSON.parse(second.out) as Record<string, unknown>;
    // Some may have been copied and not noted when the first was killed: they are copied again.
    expect((report['copied'] as number) + (report['there'] as number)).toBe(FILES);
    expect(report['there'] as number).toBeGreaterThanOrEqual(before - 8);
    expect([second.code === 0, report['missing'], report['changed']]).toEqual([false, [gone], []]);

    const third = JSON.parse((await banyan(environment, 'media', 'copy', '--json')).out) as Record<string, unknown>;
    expect([third['copied'], third['there']]).toEqual([0, FILES]);
    const client = await server.legacy.connect();
    const { rows } = await client.query<{ id: string; name: string; sha256: string; size_bytes: string }>(
      'SELECT id, name, sha256 FROM banyan_media.media_objects',
    );
    expect(new Map(rows.map(({ id, name, sha256 }) => [name, { sha256, id }]))).toEqual(
      new Map([...files].filter(([, { id }]) => id !== undefined)),
    );
    for (const [name, { sha256 }] of files) expect([name, sha(await buffer(await objects.read(name)))]).toEqual([name, sha256]);
    expect(await objects.find(LINKED)).toBeUndefined();
  }, 120_000);

  it('afterwards old links work without the folder, and what people see is the same', async () => {
    const before = (await bob.get(`/messages/conversation/${alice.id}`).expect(200)).body as { media_attachments: unknown[] }[];
    await rm(folder, { recursive: true });
    await mkdir(folder);
    for (const [name, { sha256, id }] of files) {
      const answer = await fetch(`${server.url}/api/v1/media/files/${name}`);
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect([name, answer.status, sha(bytes), answer.headers.get('content-disposition')?.split(';')[0]]).toEqual([
        name,
        200,
        sha256,
        'attachment',
      ]);
      if (id) expect(answer.headers.get('etag')).toBe(`"${sha256}"`);
    }
    expect((await bob.get(`/messages/conversation/${alice.id}`).expect(200)).body).toEqual(before);
    const [, { id }] = [...files].find(([, file]) => file.id)!;
    await bob.delete(`/media/${id}`).expect(403);
    await alice.delete(`/media/${id}`).expect(200);
  });
});
