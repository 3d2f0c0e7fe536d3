import { variants } from '@banyan/migration/prepare/kinds';
import type { Client } from 'pg';
import request from 'supertest';
import { LegacyProcess } from '../legacy-app/legacy-process';
import { TEST_SECRET } from '../support/banyan';
import { startOnLegacy, type ServerOnLegacy } from '../support/legacy-server';
import { envelope, freshAccount, PASSWORD, type Person, register, signIn } from '../support/people';

const NAIVE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/;

/** New code and legacy at once on one legacy database: what either writes, the other one reads as it was written. */
describe.each(variants)('one database of the %s variant, written by both', (variant) => {
  let banyan: ServerOnLegacy;
  let legacy: LegacyProcess;
  let sql: Client;
  /** Registered by new code, and by legacy; `there` and `here` are their devices at the other one. */
  let ours: Person;
  let oursThere: Person;
  let theirs: Person;
  let theirsHere: Person;

  beforeAll(async () => {
    banyan = await startOnLegacy(variant, { redis: true });
    legacy = await LegacyProcess.start({ databaseUrl: banyan.legacy.url, secret: TEST_SECRET, env: { LEGACY_BCRYPT_COST: '12' } });
    sql = await banyan.legacy.connect();
    [ours, theirs] = [await register(banyan.url, 'ours'), await register(legacy.url, 'theirs')];
    [oursThere, theirsHere] = [await signIn(legacy.url, ours), await signIn(banyan.url, theirs)];
  });
  afterAll(async () => {
    await legacy?.remove();
    await banyan?.close();
  });

  const row = async (table: string, id: string) =>
    (await sql.query<Record<string, unknown>>(`SELECT * FROM ${table} WHERE id = $1`, [id])).rows[0]!;
  /** Legacy's instants have no zone, and no fraction if that is 0. */
  const instant = (naive: string) => `${naive.includes('.') ? naive : `${naive}.000000`}Z`;

  it('accounts: signed in on either side, and known alike', async () => {
    for (const [here, there] of [
      [ours, oursThere],
      [theirsHere, theirs],
    ] as const) {
      expect(there.id).toBe(here.id);
      const { body: inNew } = await here.get('/auth/me').expect(200);
      const { body: inLegacy } = await there.get('/auth/me').expect(200);
      expect(inLegacy.created_at).toMatch(NAIVE);
      expect(inNew).toEqual({ ...inLegacy, created_at: instant(inLegacy.created_at), public_key: inNew.public_key });
      // A user without a key: legacy keeps a placeholder for those it has registered, and answers null for those it has not.
      expect([null, inNew.public_key]).toContain(inLegacy.public_key);
    }
    expect((await row('users', ours.id))['password_hash']).toMatch(/^\$2b\$12\$[./A-Za-z0-9]{53}$/);
  });

  it('accounts: tokens of either side are good on both, wrong passwords on none', async () => {
    await request(legacy.url).get('/api/v1/auth/me').set('Authorization', `Bearer ${ours.token}`).expect(200);
    await request(banyan.url).get('/api/v1/auth/me').set('Authorization', `Bearer ${theirs.token}`).expect(200);
    for (const { url } of [banyan, legacy]) {
      for (const { email } of [ours, theirs])
        await request(url).post('/api/v1/auth/login').send({ email, password: 'wrong-horse-1' }).expect(401);
    }
  });

  it('accounts: an address or name taken on one side is taken on the other', async () => {
    for (const [{ url }, taken] of [
      [legacy, ours],
      [banyan, theirs],
    ] as const) {
      await request(url)
        .post('/api/v1/auth/register')
        .send({ ...freshAccount(), email: taken.email })
        .expect(400);
    }
  });

  it.each(['Passwörter-\u{1f600}-1', 'x'.repeat(72), '        '])('accounts: the password %j is one password', async (password) => {
    for (const [first, second] of [
      [banyan, legacy],
      [legacy, banyan],
    ] as const) {
      const account = { ...freshAccount('pw'), password };
      await request(first.url).post('/api/v1/auth/register').send(account).expect(200);
      await request(second.url).post('/api/v1/auth/login').send({ email: account.email, password }).expect(200);
    }
  });

  it('accounts: a password that legacy would cut is refused by new code; one that legacy has cut signs in', async () => {
    const account = { ...freshAccount('long'), password: 'é'.repeat(37) };
    await request(banyan.url)
      .post('/api/v1/auth/register')
      .send(account)
      .expect(422, /at most 72 bytes/);
    await request(legacy.url).post('/api/v1/auth/register').send(account).expect(200);
    await request(banyan.url).post('/api/v1/auth/login').send({ email: account.email, password: account.password }).expect(200);
  });

  it('profiles: names and keys, whoever has written them, at the registration and later', async () => {
    const names = { full_name: 'Ada Ä "Lovelace" \u{1f600}', public_key: 'S2V5\nwith "signs" \\ and ü' };
    for (const [first, second] of [
      [banyan, legacy],
      [legacy, banyan],
    ] as const) {
      const account = { ...freshAccount('key'), ...names };
      const { body } = await request(first.url).post('/api/v1/auth/register').send(account).expect(200);
      const there = await signIn(second.url, account);
      const { body: me } = await there.get('/auth/me').expect(200);
      expect(me.full_name).toBe(names.full_name);
      // New code takes white space out of a key that legacy keeps with it (an old migration had wrapped them).
      expect([names.public_key, names.public_key.replace(/\s/g, '')]).toContain(me.public_key);
      await there.put('/auth/public-key', { public_key: 'second' }).expect(200);
      const { body: seen } = await request(first.url)
        .get(`/api/v1/users/${body.user.id}`)
        .set('Authorization', `Bearer ${body.access_token}`)
        .expect(200);
      expect(seen).toMatchObject({ public_key: 'second', full_name: names.full_name, email: account.email, username: account.username });
      const { rows } = await sql.query<{ status: string; key_data: string }>(
        `SELECT key ->> 'status' AS status, key ->> 'key_data' AS key_data FROM users, json_array_elements(public_keys) key WHERE id = $1`,
        [body.user.id],
      );
      expect(rows.map(({ status }) => status)).toEqual(['inactive', 'active']);
    }
  });

  it('profiles: the backup of a key, byte for byte', async () => {
    const backup = ' {"alg":"PBKDF2-AES-256-GCM","ct":"Zm9v\\u0000"}\n';
    await ours.post('/users/me/key-backup', { encrypted_private_key: backup }).expect(200);
    expect((await oursThere.get('/users/me/key-backup').expect(200)).body).toEqual({ has_backup: true, encrypted_private_key: backup });
    await theirs.post('/users/me/key-backup', { encrypted_private_key: backup }).expect(200);
    expect((await theirsHere.get('/users/me/key-backup').expect(200)).body).toEqual({ has_backup: true, encrypted_private_key: backup });
  });

  /** As the other side shows it: without what legacy shows of itself only. */
  const conversation = async (who: Person, other: Person) =>
    (await who.get(`/messages/conversation/${other.id}`).expect(200)).body as Record<string, unknown>[];

  const texts = ['', 'None', '{"v":"1"}  \n', 'Ä\u{1f600}\u2028', '\\x00 \\n', "'; DROP TABLE users; --", 'x'.repeat(90_000)];
  const crypto = { crypto_version: 'v9', encryption_algorithm: 'X25519', kdf_algorithm: 'HKDF-SHA512', sender_encrypted_content: 'mine Ä' };

  it('messages: sent on either side by either way, the same conversation on both, to the letter and the microsecond', async () => {
    for (const text of texts) {
      await ours.post('/relay/send', { ...envelope(theirs, text), ...crypto, has_media: true }).expect(200);
      await theirs.post('/relay/send', { ...envelope(ours, text), ...crypto, has_media: true }).expect(200);
      await ours.post('/messages/send', { sender_id: ours.id, ...envelope(theirs, text) }).expect(200);
      await theirs.post('/messages/send', { sender_id: theirs.id, ...envelope(ours, text) }).expect(200);
    }
    const inLegacy = await conversation(theirs, ours);
    expect(inLegacy).toHaveLength(4 * texts.length);
    expect(inLegacy.map(({ encrypted_content }) => encrypted_content)).toEqual(texts.flatMap((text) => [text, text, text, text]));
    for (const message of inLegacy) expect(message['created_at']).toMatch(NAIVE);
    expect(await conversation(theirsHere, ours)).toEqual(
      inLegacy.map((message) => ({ ...message, created_at: instant(message['created_at'] as string) })),
    );
    expect(await conversation(ours, theirs)).toEqual(await conversation(theirsHere, ours));
    expect(await conversation(oursThere, theirs)).toEqual(inLegacy);
    expect(inLegacy.filter((message) => message['crypto_version'] === 'v9')).toHaveLength(2 * texts.length);
  });

  it('messages: signatures of new code are an array for legacy, its nulls are none for new code', async () => {
    const signatures = [{ algorithm: 'RSA-PSS', value: 'Ä\u{1f600}', nested: { list: [1, 1.5, null, true] } }];
    const { body } = await ours.post('/relay/send', { ...envelope(theirs, 'signed'), signatures }).expect(200);
    expect((await conversation(theirs, ours)).find(({ id }) => id === body.message_id)).toMatchObject({ signatures });
    await sql.query('UPDATE messages SET signatures = NULL, is_read = NULL, is_deleted = NULL, has_media = NULL WHERE id = $1', [
      body.message_id,
    ]);
    expect((await conversation(ours, theirs)).find(({ id }) => id === body.message_id)).toMatchObject({ signatures: [], is_read: false });
  });

  it('messages: read on one side, read on the other', async () => {
    const [a, b] = [
      await ours.post('/relay/send', envelope(theirs)).expect(200),
      await ours.post('/relay/send', envelope(theirs)).expect(200),
    ];
    await theirs.put(`/messages/${a.body.message_id}/read`).expect(200);
    await theirsHere.put(`/messages/${b.body.message_id}/read`).expect(200);
    for (const who of [theirs, theirsHere]) {
      const read = (await conversation(who, ours)).filter(({ is_read }) => is_read).map(({ id }) => id);
      expect(read).toEqual(expect.arrayContaining([a.body.message_id, b.body.message_id]));
    }
  });

  it('rows: legacy finds every column filled that it fills itself', async () => {
    const { body } = await ours.post('/relay/send', envelope(theirs)).expect(200);
    const made = await row('messages', body.message_id as string);
    const own = await row('messages', (await theirs.post('/relay/send', envelope(ours)).expect(200)).body.message_id as string);
    const filled = (one: Record<string, unknown>) => Object.keys(one).filter((name) => one[name] !== null && name !== 'updated_at');
    expect(filled(made)).toEqual(filled(own));
    const [mine, legacys] = [await row('users', ours.id), await row('users', theirs.id)];
    const notWritten = ['last_seen', 'updated_at']; // read by nobody
    expect(filled(legacys).filter((name) => !filled(mine).includes(name))).toEqual(
      notWritten.filter((name) => filled(legacys).includes(name)),
    );
  });

  it('removal: who is removed by legacy is gone for new code, and nobody can write to him', async () => {
    const gone = await register(banyan.url, 'gone');
    const boss = await register(legacy.url, 'boss');
    await sql.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [boss.id]);
    await ours.post('/relay/send', envelope(gone)).expect(200);
    await boss.delete(`/admin/remove-contact/${boss.id}/${gone.id}`).expect(200);
    await ours.post('/relay/send', envelope(gone)).expect(404);
    await request(banyan.url).post('/api/v1/auth/login').send({ email: gone.email, password: PASSWORD }).expect(401);
    expect(await conversation(ours, gone)).toEqual([]);
  });
});
