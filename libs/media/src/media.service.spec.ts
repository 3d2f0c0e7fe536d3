import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { FolderObjects } from '@banyan/platform/objects/folder.objects';
import { ReadThroughObjects } from '@banyan/platform/objects/read-through.objects';
import sharp from 'sharp';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { type House, startHouse } from '../../../test/support/house';
import { until } from '../../../test/support/until';
import { mediaContract } from './contract';

const TEXT = Buffer.from('what a text says');
const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Beside what `test/media` shows over HTTP: what the monolith sees, what time does, and what happens twice. */
describe.each(dataHomes)('media in $name', ({ open, name }) => {
  let folder: string;
  let home: DataHome;
  let house: House;
  let objects: ReadThroughObjects;
  let [alice, bob, mallory]: string[] = [];
  const uploads = () => join(folder, 'uploads');
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banyan-media-'));
    await mkdir(uploads());
    const own = new FolderObjects({ folder: join(folder, 'objects'), secret: 'secret', publicUrl: 'http://localhost' });
    objects = new ReadThroughObjects(own, uploads());
    await objects.prepare();
    home = await open('media');
    house = await startHouse({ domains: ['media'], home, objects });
    [alice, bob, mallory] = await Promise.all([home.addUser(), home.addUser(), home.addUser()]);
  });
  afterAll(async () => {
    await house?.close();
    await home?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const as = (who: string | undefined) => house.as(who!, mediaContract);
  const system = () => house.as('system', mediaContract);
  const upload = async (bytes: Buffer = TEXT, file_name = 'note.txt', who = alice) => {
    const { upload_id, key } = await as(who).reserve({ file_name, file_type: 'text/plain' });
    await objects.put(key, Readable.from([bytes]));
    return as(who).complete({ upload_id, size_bytes: bytes.length, sha256: sha(bytes) });
  };
  const nameOf = ({ file_url }: { file_url: string }) => file_url.split('/').at(-1)!;
  /** On the monolith's database a message has to be there. */
  const newMessage = async (): Promise<string> => {
    const id = randomUUID();
    if (home.isLegacy) {
      const text = name.includes('bytea') ? `'x'::bytea` : `'x'`;
      await home.admin(
        `INSERT INTO public.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key) VALUES ($1, $2, $3, ${text}, ${text})`,
        [id, alice, bob],
      );
    }
    return id;
  };
  const attach = (media_ids: string[], message_id: string, viewer_ids = [alice!, bob!]) =>
    system().attach({ message_id, media_ids, uploader_id: alice!, viewer_ids });
  const age = (id: string, hours: number) =>
    home.admin(`UPDATE banyan_media.media_objects SET changed_at = changed_at - make_interval(hours => $2) WHERE id = $1`, [id, hours]);
  const states = async (ids: readonly string[]) =>
    (await home.admin<{ state: string }>('SELECT state FROM banyan_media.media_objects WHERE id = ANY ($1) ORDER BY id', [ids])).map(
      ({ state }) => state,
    );

  it('an upload is completed once, whoever says so how often; by nobody else', async () => {
    const { upload_id, key } = await as(alice).reserve({ file_name: 'note.txt', file_type: 'text/plain' });
    await objects.put(key, Readable.from([TEXT]));
    const stored = { upload_id, size_bytes: TEXT.length, sha256: sha(TEXT) };
    await expect(as(mallory).complete(stored)).rejects.toMatchObject({ code: 'media.upload_not_found' });
    const before = (await as(alice).usage({})).used_bytes;
    const answers = await Promise.all(Array.from({ length: 5 }, () => as(alice).complete(stored)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect((await as(alice).usage({})).used_bytes).toBe(before + TEXT.length);
  });

  it('an upload comes to the monolith’s folder as long as the data is there, by its event if not at once', async () => {
    const file = await upload();
    await house.deliverEvents();
    const there = await readdir(uploads());
    expect(there.includes(nameOf(file))).toBe(home.isLegacy);
    if (!home.isLegacy) return;
    // The process died after its commit.
    await rm(join(uploads(), nameOf(file)));
    await home.admin(`INSERT INTO banyan_media.outbox (id, name, key, payload) VALUES ($1, 'media.uploaded', $2, $3)`, [
      randomUUID(),
      file.id,
      JSON.stringify({ media_id: file.id, uploader_id: alice }),
    ]);
    await house.deliverEvents();
    expect(await readFile(join(uploads(), nameOf(file)))).toEqual(TEXT);
    await as(alice).remove({ media_id: file.id });
    expect(await readdir(uploads())).not.toContain(nameOf(file));
  });

  it('what no message refers to goes after its time, however much of it there is; what may be the monolith’s stays', async () => {
    const ids = await Promise.all(Array.from({ length: 230 }, async () => (await upload()).id));
    const linked = await upload();
    await attach([linked.id], await newMessage());
    await Promise.all([...ids, linked.id].map((id) => age(id, 25)));
    const young = await upload();
    const { dropped } = await system().dropExpired({});
    expect(dropped).toBeLessThanOrEqual(home.isLegacy ? 0 : 230); // of two executions the first answer
    const left = await states(ids);
    expect(left).toEqual(home.isLegacy ? ids.map(() => 'stored') : []);
    expect(await states([linked.id, young.id])).toEqual(['stored', 'stored']);
    expect((await as(alice).file({ filename: nameOf(linked) })).size_bytes).toBe(TEXT.length);
  });

  it('what is sent at the moment in which its time is over stays', async () => {
    const [file, messageId] = [await upload(), await newMessage()];
    await home.admin(`UPDATE banyan_media.media_objects SET expires = true WHERE id = $1`, [file.id]);
    await age(file.id, 25);
    const sender = await home.client('media');
    await sender.query('BEGIN');
    await sender.query('SELECT FROM banyan_media.media_objects WHERE id = $1 FOR UPDATE', [file.id]);
    const dropping = system().dropExpired({});
    await until(
      async () =>
        (await home.admin(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)).length > 0,
    );
    await sender.query('UPDATE banyan_media.media_attachments SET message_id = $2 WHERE id = $1', [file.id, messageId]);
    await sender.query(
      `INSERT INTO banyan_media.media_attachments (id, message_id, file_name, file_type, file_size, file_url, created_at, sender_id, recipient_id)
       SELECT id, $2, file_name, file_type, size_bytes, $3, created_at, $4, $5 FROM banyan_media.media_objects WHERE id = $1 AND NOT is_listed`,
      [file.id, messageId, file.file_url, alice, bob],
    );
    await sender.query('UPDATE banyan_media.media_objects SET message_id = $2, is_listed = true WHERE id = $1', [file.id, messageId]);
    await sender.query('COMMIT');
    await dropping;
    expect(await states([file.id])).toEqual(['stored']);
    expect((await as(alice).file({ filename: nameOf(file) })).size_bytes).toBe(TEXT.length);
  });

  it('what was reserved and never came goes, with whatever comes too late', async () => {
    const { upload_id, key } = await as(alice).reserve({ file_name: 'note.txt', file_type: 'text/plain' });
    await age(upload_id, 2);
    await system().dropExpired({});
    await objects.put(key, Readable.from([TEXT])); // it was on its way
    await expect(as(alice).complete({ upload_id, size_bytes: TEXT.length, sha256: sha(TEXT) })).rejects.toMatchObject({
      code: 'media.upload_not_found',
    });
    await age(upload_id, 2);
    await system().dropExpired({});
    expect(await objects.find(key)).toBeUndefined();
    expect(await states([upload_id])).toEqual([]);
  });

  it('members of a group who are viewers see what is attached, nobody else does', async () => {
    const file = await upload();
    const messageId = await newMessage();
    const members = Array.from({ length: 40 }, () => randomUUID());
    await attach([file.id], messageId, [alice!, ...members]);
    await attach([file.id], messageId, [alice!, ...members]);
    expect(await as(members[30]).ofMessage({ message_id: messageId })).toMatchObject([{ id: file.id }]);
    expect((await as(members[39]).link({ media_id: file.id, expires_in_seconds: 60 })).url).toContain(nameOf(file));
    expect(await as(mallory).ofMessage({ message_id: messageId })).toEqual([]);
    await expect(as(mallory).link({ media_id: file.id, expires_in_seconds: 60 })).rejects.toMatchObject({ code: 'media.not_found' });
    await expect(as(members[0]).remove({ media_id: file.id })).rejects.toMatchObject({ code: 'media.not_the_uploader' });
  });

  it('a thumbnail is made once, turned as the camera was held, without what the camera wrote', async () => {
    const image = await sharp({ create: { width: 900, height: 300, channels: 3, background: 'red' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const file = await upload(image, 'photo.jpg');
    await house.deliverEvents();
    const [row] = await home.admin<{ thumbnail: string }>('SELECT thumbnail FROM banyan_media.media_objects WHERE id = $1', [file.id]);
    const { width, height, exif } = await sharp(await buffer(await objects.read(row!.thumbnail))).metadata();
    expect([width, height, exif]).toEqual([107, 320, undefined]);
    await as(alice).remove({ media_id: file.id });
    await house.deliverEvents();
    expect([await objects.find(row!.thumbnail), await objects.find(nameOf(file))]).toEqual([undefined, undefined]);
    // By a process that was making it again meanwhile, and died.
    await objects.put(row!.thumbnail, Readable.from([image]));
    await age(file.id, 2);
    await system().dropExpired({});
    expect([await objects.find(row!.thumbnail), await states([file.id])]).toEqual([undefined, []]);
  });

  it('a file of the monolith is served as what its bytes are; once deleted it is gone for good', async () => {
    const messageId = await newMessage();
    const [id, filename] = [randomUUID(), `${randomUUID()}.png`];
    await writeFile(join(uploads(), filename), '<script>');
    const sender = home.isLegacy ? '' : ', sender_id, recipient_id';
    await home.admin(
      `INSERT INTO ${home.isLegacy ? 'public' : 'banyan_media'}.media_attachments (id, message_id, file_name, file_type, file_size, file_url, created_at${sender})
       VALUES ($1, $2, 'x.png', 'image/png', 8, $3, now()${home.isLegacy ? '' : ', $4, $5'})`,
      [id, messageId, `/api/v1/media/files/${filename}`, ...(home.isLegacy ? [] : [alice, bob])],
    );
    expect(await as(bob).file({ filename })).toMatchObject({ content_type: 'application/octet-stream', inline: false, size_bytes: 8 });
    await expect(as(bob).remove({ media_id: id })).rejects.toMatchObject({ code: 'media.not_the_uploader' });
    await as(alice).remove({ media_id: id });
    await house.deliverEvents();
    await system().dropExpired({});
    await expect(as(bob).file({ filename })).rejects.toMatchObject({ code: 'media.file_removed' });
    await expect(as(bob).file({ filename: `${randomUUID()}.png` })).rejects.toMatchObject({ code: 'media.file_not_found' });
  });

  it('of a user who is removed nothing is left, and nothing more is taken', async () => {
    const carol = await home.addUser();
    const files = [await upload(TEXT, 'a.txt', carol), await upload(TEXT, 'b.txt', carol)];
    const { upload_id, key } = await as(carol).reserve({ file_name: 'c.txt', file_type: 'text/plain' });
    await system().purge({ user_id: carol });
    await objects.put(key, Readable.from([TEXT]));
    await expect(as(carol).complete({ upload_id, size_bytes: TEXT.length, sha256: sha(TEXT) })).rejects.toMatchObject({ status: 409 });
    await expect(as(carol).reserve({ file_name: 'd.txt', file_type: 'text/plain' })).rejects.toMatchObject({ status: 409 });
    await house.deliverEvents();
    for (const file of files) expect(await objects.find(nameOf(file))).toBeUndefined();
    expect((await as(carol).usage({})).used_bytes).toBe(0);
    await age(upload_id, 2);
    await system().dropExpired({});
    expect(await objects.find(key)).toBeUndefined();
  });
});
