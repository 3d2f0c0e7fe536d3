import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { GetBucketAclCommand, GetBucketLifecycleConfigurationCommand, S3Client } from '@aws-sdk/client-s3';
import { FolderObjects } from './folder.objects';
import { ObjectNotFound, type ObjectStore } from './object-store';
import { ReadThroughObjects } from './read-through.objects';
import { S3Objects } from './s3.objects';

async function folder(): Promise<[ObjectStore, () => Promise<void>]> {
  const path = await mkdtemp(join(tmpdir(), 'banyan-objects-'));
  return [
    new FolderObjects({ folder: path, secret: 'secret', publicUrl: 'http://localhost' }),
    () => rm(path, { recursive: true, force: true }),
  ];
}

async function s3(): Promise<[ObjectStore, () => Promise<void>]> {
  const address = process.env.TEST_S3_URL;
  if (!address) throw new Error('TEST_S3_URL is not set: run the tests with npm test, which starts the servers they need');
  const { origin, username, password } = new URL(address);
  const bucket = `t-${randomUUID()}`;
  return [
    new S3Objects({ endpoint: origin, region: 'us-east-1', bucket, accessKey: username, secretKey: password }),
    () => Promise.resolve(),
  ];
}

const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe.each([
  ['a folder', folder],
  ['S3', s3],
])('objects in %s', (_name, open) => {
  let store: ObjectStore;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    [store, drop] = await open();
    await store.prepare();
    await store.prepare(); // every process does it
  });
  afterAll(async () => {
    await store?.close();
    await drop?.();
  });

  it.each([0, 1, 100_000, 5 * 1024 * 1024, 12 * 1024 * 1024 + 7])('come back as they were (%i bytes)', async (size) => {
    const bytes = randomBytes(size);
    const key = `${randomUUID()}.bin`;
    await store.put(key, Readable.from(chunks(bytes)));
    expect(sha(await buffer(await store.read(key)))).toBe(sha(bytes));
    expect(await store.find(key)).toMatchObject({ sizeBytes: size });
  });

  it('can be read in part', async () => {
    await store.put('digits.txt', Readable.from([Buffer.from('0123456789')]));
    expect((await buffer(await store.read('digits.txt', { start: 2, end: 4 }))).toString()).toBe('234');
  });

  it.each([10, 12 * 1024 * 1024])('that break off after %i bytes are not there', async (size) => {
    const key = randomUUID();
    async function* broken() {
      yield* chunks(randomBytes(size));
      throw new Error('the client has gone');
    }
    await expect(store.put(key, Readable.from(broken()))).rejects.toThrow('the client has gone');
    expect(await store.find(key)).toBeUndefined();
    await expect(store.read(key)).rejects.toThrow(ObjectNotFound);
  });

  it('can be removed, twice', async () => {
    await store.put('gone', Readable.from([Buffer.from('x')]));
    await store.remove('gone');
    await store.remove('gone');
    expect(await store.find('gone')).toBeUndefined();
  });

  it.each(['../x', 'a/b', '.hidden', '', 'a b', 'x'.repeat(300), 'a\0b'])('have no key %j', async (key) => {
    await expect(store.put(key, Readable.from([]))).rejects.toThrow('is no key');
  });
});

it('a link to a folder is good as it is, for its time', async () => {
  const shown = { fileName: 'a.png', inline: true };
  const [store, drop] = (await folder()) as [FolderObjects, () => Promise<void>];
  const url = new URL(await store.link('a.png', { expiresInSeconds: 60, contentType: 'image/png', ...shown }));
  const query = Object.fromEntries(url.searchParams);
  expect(store.verify('a.png', query)).toEqual({ contentType: 'image/png', disposition: 'inline; filename="a.png"' });
  expect(store.verify('b.png', query)).toBeUndefined();
  expect(store.verify('a.png', { ...query, type: 'text/html' })).toBeUndefined();
  expect(store.verify('a.png', { ...query, expires: String(Number(query.expires) + 1) })).toBeUndefined();
  expect(store.verify('a.png', { ...query, signature: ['x', 'y'] })).toBeUndefined();
  const over = new URL(await store.link('a.png', { expiresInSeconds: -1, contentType: 'image/png', ...shown }));
  expect(store.verify('a.png', Object.fromEntries(over.searchParams))).toBeUndefined();
  await drop();
});

it('is put into the folder of somebody else as a whole, by several at once; no link in there leads out of it', async () => {
  const [store, drop] = await folder();
  const uploads = await mkdtemp(join(tmpdir(), 'banyan-uploads-'));
  const both = new ReadThroughObjects(store, uploads);
  await both.prepare();
  const bytes = randomBytes(8 * 1024 * 1024);
  await both.put('large.bin', Readable.from(chunks(bytes)));
  await Promise.all(Array.from({ length: 6 }, () => both.mirror('large.bin')));
  expect([await readdir(uploads), sha(await readFile(join(uploads, 'large.bin')))]).toEqual([['large.bin'], sha(bytes)]);

  // Of a process that was killed, long ago and just now; and what is none of ours.
  const [old, young, other] = [`.a.bin.${randomUUID()}.partial`, `.b.bin.${randomUUID()}.partial`, '.theirs'];
  for (const name of [old, young, other]) await writeFile(join(uploads, name), 'half');
  for (const name of [old, other]) await utimes(join(uploads, name), 0, 0);
  await both.prepare();
  expect((await readdir(uploads)).sort()).toEqual([young, other, 'large.bin'].sort());

  await symlink('/etc/passwd', join(uploads, 'passwd.txt'));
  expect(await both.find('passwd.txt')).toBeUndefined();
  await expect(both.read('passwd.txt')).rejects.toThrow(ObjectNotFound);
  await rm(uploads, { recursive: true });
  await drop();
});

it('a bucket is made with its life cycle', async () => {
  const { origin, username, password } = new URL(process.env.TEST_S3_URL!);
  const bucket = `t-${randomUUID()}`;
  const store = new S3Objects({ endpoint: origin, region: 'us-east-1', bucket, accessKey: username, secretKey: password });
  await store.prepare();
  const client = new S3Client({
    endpoint: origin,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: username, secretAccessKey: password },
  });
  const { Rules } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }));
  expect(Rules).toMatchObject([{ Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }]);
  const { Grants } = await client.send(new GetBucketAclCommand({ Bucket: bucket }));
  expect(Grants!.map(({ Grantee }) => Grantee!.URI)).toEqual([undefined]); // its owner, and no group
  await expect(
    new S3Objects({ endpoint: origin, region: 'us-east-1', bucket, accessKey: username, secretKey: 'wrong' }).prepare(),
  ).rejects.toThrow(/^S3_ENDPOINT, S3_BUCKET, S3_ACCESS_KEY and S3_SECRET_KEY should name a bucket of ours/);
  client.destroy();
  await store.close();
});

it('a link to S3 needs no key, and is good for its object only', async () => {
  const [store] = await s3();
  await store.prepare();
  await store.put('a.txt', Readable.from([Buffer.from('hello')]));
  const link = await store.link('a.txt', { expiresInSeconds: 60, contentType: 'text/plain', fileName: 'n.txt', inline: false });
  const answer = await fetch(link);
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('content-disposition'), await answer.text()]).toEqual([
    200,
    'text/plain',
    'attachment; filename="n.txt"',
    'hello',
  ]);
  expect((await fetch(link.replace('a.txt', 'b.txt'))).status).toBe(403);
  expect((await fetch(new URL(link).origin + new URL(link).pathname)).status).toBe(403);
  await store.close();
});

function* chunks(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
