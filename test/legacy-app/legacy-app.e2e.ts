import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import request from 'supertest';
import { WebSocket } from 'ws';
import type { Variant } from '@banyan/migration/prepare/kinds';
import recordedCases from '../legacy/cases.json';
import { type LegacyDatabase, makeLegacyDatabase } from '../legacy/legacy-database';
import { playCases } from '../legacy/play-cases';
import { TEST_SECRET } from '../support/banyan';
import { envelope, type Person, register } from '../support/people';
import { until } from '../support/until';
import { caseHooks } from './hooks';
import { LegacyProcess } from './legacy-process';

let database: LegacyDatabase;
let legacy: LegacyProcess;

async function start(variant: Variant): Promise<void> {
  database = await makeLegacyDatabase(variant);
  legacy = await LegacyProcess.start({ databaseUrl: database.url, secret: TEST_SECRET });
}

async function stop(): Promise<void> {
  await legacy?.remove();
  await database?.drop();
}

/** Uploads work in a database of the migration files only after this. @returns the administrator who did it */
async function fixMediaTable(): Promise<Person> {
  const admin = await register(legacy.url, 'admin');
  const client = await database.connect();
  await client.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [admin.id]);
  const { body } = await admin.get(`/admin/fix-media-table/${admin.id}`).expect(200);
  expect(body.status).toBe('success');
  return admin;
}

describe.each(['text', 'bytea'] as const)('the recorded cases on the %s variant', (variant) => {
  let outcomes: string[];

  beforeAll(async () => {
    await start(variant);
    if (variant === 'bytea') await fixMediaTable();
    outcomes = await playCases(legacy.url, recordedCases, { legacy: true, hooks: caseHooks(database.url) });
  });

  afterAll(stop);

  it('have been judged one by one', () => expect(outcomes).toHaveLength(recordedCases.length));

  it.each(recordedCases.map(({ name }, i) => [name, i] as const))('%s', (_case, i) => {
    expect(outcomes[i]).toBe('ok');
  });
});

describe('what the recorded cases do not show', () => {
  let alice: Person;
  let bob: Person;

  beforeAll(async () => {
    await start('text');
    [alice, bob] = [await register(legacy.url, 'alice'), await register(legacy.url, 'bob')];
  });

  afterAll(stop);

  const pending = async (person: Person) => (await person.get('/relay/pending').expect(200)).body.count as number;
  const history = async (person: Person, other: Person) =>
    ((await person.get(`/messages/conversation/${other.id}`).expect(200)).body as { encrypted_content: string }[]).map(
      (message) => message.encrypted_content,
    );

  it('takes its time to start', async () => {
    const slow = await makeLegacyDatabase('text');
    const before = performance.now();
    const started = await LegacyProcess.start({ databaseUrl: slow.url, secret: TEST_SECRET, env: { LEGACY_STARTUP_MS: '1000' } });
    expect(performance.now() - before).toBeGreaterThan(999);
    await started.remove();
    await slow.drop();
  });

  it('makes the tables that are not there', async () => {
    const client = await database.connect();
    await client.query('DROP TABLE group_read_receipts, deleted_users');
    await legacy.terminate();
    await legacy.startAgain();
    await client.query('SELECT id FROM group_read_receipts UNION SELECT id FROM deleted_users');
    const { rows } = await client.query(`SELECT 1 FROM pg_indexes WHERE indexname = 'ix_deleted_users_email'`);
    expect(rows).toHaveLength(1);
  });

  it('loses its relay queue with the process, and keeps the copy in messages', async () => {
    const [first, second] = [envelope(bob), envelope(bob)];
    const { url } = legacy;
    await alice.post('/relay/send', first).expect(200);
    expect(await pending(bob)).toBe(1);
    await legacy.kill();
    await legacy.startAgain();
    expect(legacy.url).toBe(url);
    expect(await pending(bob)).toBe(0);
    await alice.post('/relay/send', second).expect(200);
    expect(await pending(bob)).toBe(1);
    expect(await history(bob, alice)).toEqual([first.encrypted_content, second.encrypted_content]);
  });

  it('answers nothing while it is frozen, and has forgotten nothing', async () => {
    const before = await pending(bob);
    legacy.freeze();
    await expect(fetch(`${legacy.url}/health`, { signal: AbortSignal.timeout(500) })).rejects.toThrow();
    legacy.thaw();
    expect(await pending(bob)).toBe(before);
  });

  it('confirms what it could not write, by relay and by socket', async () => {
    const [mail, call] = [envelope(bob), envelope(bob)];
    const message_id = randomUUID();
    const before = await pending(bob);
    await legacy.failMessageWrites(true);
    const socket = new WebSocket(`${legacy.url.replace('http', 'ws')}/ws/${alice.id}?token=${alice.token}`);
    const confirmed = new Promise<Record<string, unknown>>((resolve) => {
      socket.on('message', (data: Buffer) => {
        const frame = JSON.parse(data.toString()) as Record<string, unknown>;
        if (frame.type === 'connection_established') socket.send(JSON.stringify({ type: 'message', payload: { message_id, ...call } }));
        if (frame.type === 'message_sent') resolve(frame);
      });
    });
    const { body } = await alice.post('/relay/send', mail).expect(200);
    expect(body).toMatchObject({ success: true, status: 'queued' });
    expect(await pending(bob)).toBe(before + 1);
    expect(await confirmed).toMatchObject({ message_id, status: 'sent' });
    const { text } = await alice.post('/messages/send', { sender_id: alice.id, ...envelope(bob) }).expect(500);
    expect(text).toBe('Internal Server Error');
    await legacy.failMessageWrites(false);
    const contents = await history(bob, alice);
    expect(contents).not.toContain(mail.encrypted_content);
    expect(contents).not.toContain(call.encrypted_content);
    socket.terminate();
  });

  it('redirects on the host that was asked', async () => {
    const asked = request(legacy.url).get('/api/v1/groups?x=%C3%A9').set('Host', 'chat.example.com:8443');
    const { headers } = await asked.set('X-Forwarded-Proto', 'https').expect(307);
    expect(headers.location).toBe('https://chat.example.com:8443/api/v1/groups/?x=%C3%A9');
    const other = await request(legacy.url).post('/api/v1/auth/login/').set('Host', 'chat.example.com').expect(307);
    expect(other.headers.location).toBe('http://chat.example.com/api/v1/auth/login');
  });

  it('serves ranges of uploads', async () => {
    const form = new FormData();
    form.append('file', new Blob(['0123456789']), '../talk.webm');
    const headers = { authorization: `Bearer ${alice.token}` };
    const upload = await fetch(`${legacy.url}/api/v1/media/upload`, { method: 'POST', headers, body: form });
    const uploaded = (await upload.json()) as { file_url: string };
    expect(uploaded).toMatchObject({ file_name: '../talk.webm', category: 'video', file_size: 10 });
    expect(await readdir(join(legacy.folder, 'uploads'))).toEqual([uploaded.file_url.split('/').pop()]);

    const get = async (range: string, more: Record<string, string> = {}) => {
      const answer = await fetch(legacy.url + uploaded.file_url, { headers: { range, ...more } });
      const { status, headers } = answer;
      return { status, body: await answer.text(), range: headers.get('content-range'), type: headers.get('content-type'), headers };
    };
    const middle = await get('bytes=2-4');
    expect(middle).toMatchObject({ status: 206, body: '234', range: 'bytes 2-4/10', type: 'video/webm' });
    expect(await get('bytes=-3')).toMatchObject({ status: 206, body: '789' });
    expect(await get('bytes=8-99')).toMatchObject({ status: 206, body: '89' });
    expect(await get('bytes=10-')).toMatchObject({ status: 416, range: '*/10' });
    expect(await get('lines=1-2')).toMatchObject({ status: 400 });
    const several = await get('bytes=0-1,5-6');
    expect(several).toMatchObject({ status: 206, type: expect.stringMatching(/^multipart\/byteranges; boundary=/) as unknown });
    expect(several.body).toMatch(/^--\w+\nContent-Type: video\/webm\nContent-Range: bytes 0-1\/10\n\n01\n--\w+\n/);
    expect(await get('bytes=2-4', { 'if-range': '"another"' })).toMatchObject({ status: 200 });
    expect(await get('bytes=2-4', { 'if-range': middle.headers.get('etag')! })).toMatchObject({ status: 206 });
    await request(legacy.url).head(uploaded.file_url).expect(405);
  });

  it('refuses uploads on what the migration files have made, until an administrator has the table changed', async () => {
    const [served, own] = [legacy, database];
    await start('bytea');
    const carol = await register(legacy.url, 'carol');
    const upload = () => carol.post('/media/upload').attach('file', Buffer.from('x'), 'x.txt');
    await upload().expect(500);
    await fixMediaTable();
    await upload().expect(200);
    await stop();
    [legacy, database] = [served, own];
  });

  it.each([
    ['{"email": }', 'json_invalid', ['body', 10], 'JSON decode error'],
    ['[1, 2', 'json_invalid', ['body', 5], 'JSON decode error'],
    ['{} x', 'json_invalid', ['body', 3], 'JSON decode error'],
    ['', 'missing', ['body'], 'Field required'],
    ['[]', 'model_attributes_type', ['body'], 'Input should be a valid dictionary or object to extract fields from'],
    ['{"token": 5, "new_user_id": 5}', 'string_type', ['body', 'token'], 'Input should be a valid string'],
    [
      '{"token": "x", "new_user_id": "x"}',
      'uuid_parsing',
      ['body', 'new_user_id'],
      'Input should be a valid UUID, invalid character: expected an optional prefix of `urn:uuid:` followed by [0-9a-fA-F-], found `x` at 1',
    ],
  ])('says what is wrong with %j as FastAPI does', async (body, type, loc, msg) => {
    const accept = request(legacy.url).post('/api/v1/invitations/accept').set('Content-Type', 'application/json');
    const answer = await accept.send(body).expect(422);
    expect(answer.body.detail[0]).toMatchObject({ type, loc, msg });
  });

  it('survives its database', async () => {
    const client = await database.connect();
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'legacy'`,
    );
    await until(async () => (await alice.get('/auth/me')).status === 200);
  });
});
