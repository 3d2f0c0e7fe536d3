import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Variant } from '@banyan/migration/prepare/kinds';
import { WebSocket } from 'ws';
import { caseHooks } from '../legacy-app/hooks';
import { LegacyProcess } from '../legacy-app/legacy-process';
import { dropDatabases, freshEnvironment, TEST_SECRET } from '../support/banyan';
import { banyan } from '../support/cli';
import { decideHomes, makePrepared } from '../support/legacy-server';
import { envelope, type Person, register } from '../support/people';
import { exchange } from '../support/raw-http';
import { ServerProcess } from '../support/server-process';
import { until } from '../support/until';
import recordedCases from './cases.json';
import { type LegacyDatabase, makeLegacyDatabase } from './legacy-database';
import { playCases } from './play-cases';

let database: LegacyDatabase;
let legacy: LegacyProcess;
let environment: Record<string, string>;
let host: ServerProcess;

/** A host in front of the stand-in: with nothing but its address, or with its database prepared and decided on. */
async function start(variant: Variant, { prepared }: { prepared: boolean }): Promise<void> {
  database = prepared ? await makePrepared(variant) : await makeLegacyDatabase(variant);
  legacy = await LegacyProcess.start({ databaseUrl: database.url, secret: TEST_SECRET });
  environment = {
    ...freshEnvironment({ redis: true }),
    LEGACY_URL: legacy.url,
    ...(prepared ? { LEGACY_DATABASE_URL: database.url } : {}),
  };
  host = await ServerProcess.start(environment);
  if (prepared) await decideHomes(environment, 'legacy');
  if (variant === 'bytea') await fixMediaTable();
}

async function stop(): Promise<void> {
  await host?.remove();
  await legacy?.remove();
  await dropDatabases(environment);
  await database?.drop();
}

/** Uploads work in a database of the migration files only after this. */
async function fixMediaTable(): Promise<void> {
  const admin = await register(legacy.url, 'admin');
  await (await database.connect()).query(`UPDATE users SET role = 'admin' WHERE id = $1`, [admin.id]);
  await admin.get(`/admin/fix-media-table/${admin.id}`).expect(200);
}

describe.each([
  ['text', false],
  ['bytea', false],
  ['text', true],
] as const)('with everything at legacy (%s, its database prepared: %s)', (variant, prepared) => {
  let outcomes: string[];

  beforeAll(async () => {
    await start(variant, { prepared });
    outcomes = await playCases(host.url, recordedCases, { legacy: true, hooks: caseHooks(database.url) });
  });

  afterAll(stop);

  it('the recorded cases have been judged one by one', () => expect(outcomes).toHaveLength(recordedCases.length));

  it.each(recordedCases.map(({ name }, i) => [name, i] as const))('%s', (_case, i) => {
    expect(outcomes[i]).toBe('ok');
  });
});

describe('beside new code on its database', () => {
  let ada: Person;
  let ben: Person;

  beforeAll(async () => {
    await start('text', { prepared: true });
    [ada, ben] = [await register(host.url, 'ada'), await register(host.url, 'ben')];
  });

  afterAll(stop);

  const route = async (...args: string[]) => expect(await banyan(environment, 'route', ...args, '--yes')).toMatchObject({ code: 0 });

  async function connect({ id, token }: Person) {
    const socket = new WebSocket(`${host.url.replace('http', 'ws')}/ws/${id}?token=${token}`);
    const frames: { type: string; data?: { id: string } }[] = [];
    socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString()) as { type: string }));
    await once(socket, 'open');
    await until(async () => frames.some(({ type }) => type === 'connection_established'));
    return {
      frames,
      socket,
      idsOf: (type: string) => frames.filter((frame) => frame.type === type).map((frame) => frame.data?.id),
      send: (type: string, payload: object) => socket.send(JSON.stringify({ type, payload })),
      close: async () => {
        socket.close();
        await once(socket, 'close');
      },
    };
  }

  it('what legacy confirms and has not stored is not confirmed here, and is counted', async () => {
    await legacy.failMessageWrites(true);
    try {
      for (const [path, draft] of [
        ['/relay/send', envelope(ben)],
        ['/messages/send', { ...envelope(ben), sender_id: ada.id }],
      ] as const) {
        const { status, body } = await ada.post(path, draft);
        if (path === '/relay/send') expect(body).toMatchObject({ code: 'legacy.not_stored' });
        expect(status).toBeGreaterThanOrEqual(500);
      }
    } finally {
      await legacy.failMessageWrites(false);
    }
    const said = await banyan(environment, 'status', '--json');
    expect(JSON.parse(said.out)).toMatchObject({ saved_acknowledgements: [{ operation: 'relay.send', count: 1 }] });
    expect((await banyan(environment, 'status')).out).toContain('Saved acknowledgements: 1 of relay.send');
    const { body } = await ada.post('/relay/send', envelope(ben)).expect(200);
    await ben.post('/relay/acknowledge', { message_id: body.message_id as string }).expect(200);
  });

  it('what legacy confirms while it cannot be told whether it is stored is not confirmed: 504, and no half of a queue is shown', async () => {
    const client = await database.connect();
    const set = (sql: string) => client.query(sql);
    const drafts = [
      ['/relay/send', envelope(ben, 'untold')],
      ['/messages/send', { ...envelope(ben, 'untold'), sender_id: ada.id }],
    ] as const;
    await set('REVOKE SELECT ON banyan_message.messages FROM banyan_message');
    try {
      for (const [path, draft] of drafts)
        expect(await ada.post(path, draft)).toMatchObject({ status: 504, body: { code: 'legacy.not_confirmed' } });
      expect((await ben.get('/relay/pending')).status).toBeGreaterThanOrEqual(500);
    } finally {
      await set('GRANT SELECT ON banyan_message.messages TO banyan_message');
    }
    // Both are stored, as the answer said that they might be: who looks finds them.
    const { body: history } = await ada.get(`/messages/conversation/${ben.id}`).expect(200);
    expect((history as { encrypted_content: string }[]).filter(({ encrypted_content }) => encrypted_content === 'untold')).toHaveLength(2);
    const { body } = await ben.get('/relay/pending').expect(200);
    for (const { id } of body.messages as { id: string }[]) await ben.post('/relay/acknowledge', { message_id: id }).expect(200);
  });

  it('a message that comes in chunks is kept with all it has', async () => {
    const refs = [{ id: randomUUID(), kind: 'image' }];
    const draft = JSON.stringify({ ...envelope(ben), signatures: [{ s: 1 }], media_refs: refs });
    const bytes = `POST /api/v1/relay/send HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer ${ada.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const answer = await exchange(host.url, `${bytes}${draft.length.toString(16)}\r\n${draft}\r\n0\r\n\r\n`);
    const { message_id: id } = JSON.parse(answer.body.toString()) as { message_id: string };
    const { rows } = await (
      await database.connect()
    ).query('SELECT signatures, media_refs FROM banyan_message.deliveries WHERE message_id = $1', [id]);
    expect(rows).toEqual([{ signatures: [{ s: 1 }], media_refs: refs }]);
    await ben.post('/relay/acknowledge', { message_id: id }).expect(200);
  });

  it('messages of either side reach a socket that ends in legacy, on every device, once', async () => {
    const devices = [await connect(ben), await connect(ben)];
    const sent: string[] = [];
    for (const home of ['--local', '--legacy', '--local']) {
      await route('relay', home, '100%');
      const { body } = await ada.post('/relay/send', envelope(ben)).expect(200);
      expect(body.status).toBe('delivered');
      sent.push(body.message_id as string);
    }
    for (const { idsOf } of devices) {
      await until(async () => idsOf('relay_message').filter((id) => sent.includes(id!)).length === sent.length);
      expect(idsOf('relay_message').filter((id) => sent.includes(id!))).toEqual(sent);
    }
    for (const device of devices) await device.close();
  });

  it('typing and presence pass', async () => {
    const [mine, his] = [await connect(ada), await connect(ben)];
    await until(async () =>
      mine.frames.some((frame) => frame.type === 'user_online' && (frame as { user_id?: string }).user_id === ben.id),
    );
    his.send('typing', { recipient_id: ada.id, is_typing: true });
    await until(async () => mine.frames.some(({ type }) => type === 'typing'));
    expect(mine.frames).toContainEqual({ type: 'typing', sender_id: ben.id, is_typing: true });
    await his.close();
    await until(async () => mine.frames.some(({ type }) => type === 'user_offline'));
    await mine.close();
  });

  it('a queue is one, whichever side serves it: each message once, gone when acknowledged on either', async () => {
    const eve = await register(host.url, 'eve');
    const ids: string[] = [];
    for (const home of ['--legacy', '--local']) {
      await route('relay', home, '100%');
      const { body } = await ada.post('/relay/send', envelope(eve)).expect(200);
      expect(body.status).toBe('queued');
      ids.push(body.message_id as string);
    }
    const pending = async () =>
      ((await eve.get('/relay/pending').expect(200)).body as { messages: { id: string }[] }).messages.map(({ id }) => id).sort();
    for (const home of ['--local', '--legacy']) {
      await route('relay', home, '100%');
      expect(await pending()).toEqual([...ids].sort());
    }
    // At legacy now: what waits on the other side is acknowledged as well.
    for (const id of [...ids].reverse()) {
      expect((await eve.post('/relay/acknowledge', { message_id: id }).expect(200)).body).toEqual({
        success: true,
        message_id: id,
        status: 'deleted',
      });
    }
    for (const home of ['--legacy', '--local']) {
      await route('relay', home, '100%');
      expect(await pending()).toEqual([]);
    }
  });

  it('a path that only legacy can read is no way around a route, nor past what is done with its answer', async () => {
    const draft = JSON.stringify(envelope(ben, 'written otherwise'));
    const raw = (line: string, token = '', body = '') => {
      const head = [
        `${line} HTTP/1.1`,
        'Host: h',
        'Connection: close',
        token && `Authorization: Bearer ${token}`,
        `Content-Length: ${body.length}`,
      ];
      return exchange(host.url, `${head.filter(Boolean).join('\r\n')}\r\n\r\n${body}`);
    };
    await route('relay', '--legacy', '100%');
    await route('user', '--legacy', '100%');
    for (const path of ['/api/v1%2Fusers%2f', '/api/v1/%75sers/'])
      expect((await raw(`GET ${path}${ada.id}`)).statusLine).toBe('HTTP/1.1 200 OK');
    const { body } = await raw('POST /api/v1%2Frelay%2Fsend', ada.token, draft);
    const { message_id: id } = JSON.parse(body.toString()) as { message_id: string };
    const kept = await (await database.connect()).query('SELECT FROM banyan_message.deliveries WHERE message_id = $1 AND adopted', [id]);
    expect(kept.rowCount).toBe(1);
    await ben.post('/relay/acknowledge', { message_id: id }).expect(200);

    await route('user', '--local', '100%');
    await route('relay', '--local', '100%');
    for (const path of ['/api/v1/users/', '/api/v1/%75sers/', 'http://h/api/v1/users/'])
      expect((await raw(`GET ${path}${ada.id}`)).statusLine).toBe('HTTP/1.1 403 Forbidden');
    for (const path of ['/api/v1%2Fusers%2f', 'http://h/api/v1/users%2F', 'x://h/api/v1/users/', '/api%2Fv1/users/'])
      expect((await raw(`GET ${path}${ada.id}`)).statusLine).toBe('HTTP/1.1 404 Not Found');
    expect((await raw('POST /api/v1%2Frelay%2Fsend', ada.token, draft)).statusLine).toBe('HTTP/1.1 404 Not Found');
    expect((await raw('GET /api/v1%2Fgroups%2F', ada.token)).statusLine).toBe('HTTP/1.1 200 OK'); // nobody's but legacy's
    await route('user', '--legacy', '100%');
  });

  it('while legacy is frozen, users of new code do not notice', async () => {
    for (const domain of ['auth', 'user', 'message', 'relay']) await route(domain, '--local', '100%');
    legacy.freeze();
    try {
      expect((await ada.post('/relay/send', envelope(ben)).expect(200)).body.success).toBe(true);
      await ada.get('/auth/me').expect(200);
    } finally {
      legacy.thaw();
    }
  });
});
