import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startTestServer, type TestServer } from '../support/banyan';
import { envelope, type Person, register } from '../support/people';
import { until } from '../support/until';
import { fileOf, PNG, upload } from './files';
import { hashOf, sendFile } from './senders';

const MEBIBYTE = 1_048_576;

describe('at the same moment', () => {
  let server: TestServer;
  let [alice, bob]: Person[] = [];
  beforeAll(async () => {
    server = await startTestServer({ environment: { UPLOAD_QUOTA_MB: '10' } });
  });
  beforeEach(async () => {
    [alice, bob] = [await register(server.url, 'alice'), await register(server.url, 'bob')];
  });
  afterAll(() => server?.close());

  const objects = async () =>
    (await readdir(join(server.environment['DATA_DIR']!, 'objects'))).filter((name) => !/^\.|thumbnail/.test(name)).sort();
  const used = async (who: Person) => (await who.get('/media/usage').expect(200)).body.used_bytes as number;
  const nameOf = (url: unknown) => String(url).split('/').at(-1)!;

  it('thirty uploads by one user take up no more than he may have', async () => {
    const before = await objects();
    const sent = await Promise.all(Array.from({ length: 30 }, () => sendFile(server.url, alice!, MEBIBYTE)));
    const count = (status: number) => sent.filter((file) => file.status === status).length;
    expect([count(200), count(413)]).toEqual([10, 20]);
    expect(await used(alice!)).toBe(10 * MEBIBYTE);
    const kept = sent.filter(({ status }) => status === 200).map(({ body }) => nameOf(body['file_url']));
    expect((await objects()).filter((name) => !before.includes(name))).toEqual(kept.sort());
    // A place that is given back can be taken again.
    await alice!.delete(`/media/${String(sent.find(({ status }) => status === 200)!.body['id'])}`).expect(200);
    expect((await sendFile(server.url, alice!, MEBIBYTE)).status).toBe(200);
    expect((await sendFile(server.url, alice!, 1)).status).toBe(413);
  });

  it('one upload is deleted many times: once, and its space is given back once', async () => {
    const { body } = await upload(server.url, alice!, fileOf('pdf', 5_000), 'paper.pdf').expect(200);
    await upload(server.url, alice!, fileOf('pdf', 7_000), 'other.pdf').expect(200);
    const answers = await Promise.all(Array.from({ length: 20 }, () => alice!.delete(`/media/${body.id}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 404)]);
    expect(await used(alice!)).toBe(7_000);
  });

  it('uploads are linked and deleted: each is gone, or in one message', async () => {
    const uploads = await Promise.all(Array.from({ length: 12 }, (_, n) => upload(server.url, alice!, PNG, `photo ${n}.png`).expect(200)));
    const ids = uploads.map(({ body }) => (body as { id: string }).id);
    const [first, second, ...deleted] = await Promise.all([
      alice!.post('/relay/send', { ...envelope(bob!), media_refs: ids.map((id) => ({ id })) }),
      alice!.post('/relay/send', { ...envelope(bob!), media_refs: [...ids].reverse().map((id) => ({ id })) }),
      ...ids.filter((_, n) => n % 2).map((id) => alice!.delete(`/media/${id}`)),
    ]);
    expect(deleted.map(({ status }) => status)).toEqual(deleted.map(() => 200));
    const of = async (sent: { body: { message_id: string } }) =>
      ((await bob!.get(`/media/message/${sent.body.message_id}`).expect(200)).body as { id: string; file_url: string }[]).map(
        ({ id }) => id,
      );
    const [inFirst, inSecond] = [await of(first), await of(second)];
    const left = ids.filter((_, n) => n % 2 === 0);
    expect([...inFirst, ...inSecond].sort()).toEqual(left.sort());
    for (const { body } of uploads) {
      const { id, file_url } = body as { id: string; file_url: string };
      expect([id, (await hashOf(server.url, file_url)).status]).toEqual([id, left.includes(id) ? 200 : 404]);
    }
    expect(await used(alice!)).toBe(left.length * PNG.length);
  });

  it('a user is removed while his files come: nothing of them is found, and none is acknowledged after it', async () => {
    const before = await objects();
    const going = Array.from({ length: 8 }, (_, n) => sendFile(server.url, alice!, 200_000 + n * 500_000));
    const removed = await alice!.delete('/auth/me').send({ password: alice!.password });
    expect(removed.status).toBe(200);
    for (const { status, body } of await Promise.all(going)) {
      expect([200, 401, 409]).toContain(status);
      if (status === 200) expect((await hashOf(server.url, body['file_url'])).status).toBe(404);
    }
    // Of what others have deleted before, some may go only now.
    await until(async () => (await objects()).every((name) => before.includes(name)));
  });
});
