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
      // Also the placeholder of a user without a key.
      expect(inNew).toEqual({ ...inLegacy, created_at: instant(inLegacy.created_at) });
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

  it.each(['Passwörter-\u{1f600}-1', `${'tulip-Kettle-93-'.repeat(4)}drum5678`, '  q  7 ^ w  '])(
    'accounts: the password %j is one password',
    async (password) => {
      for (const [first, second] of [
        [banyan, legacy],
        [legacy, banyan],
      ] as const) {
        const account = { ...freshAccount('pw'), password };
        await request(first.url).post('/api/v1/auth/register').send(account).expect(200);
        await request(second.url).post('/api/v1/auth/login').send({ email: account.email, password }).expect(200);
      }
    },
  );

  it('accounts: a password that legacy would cut is refused by new code; one that legacy has cut signs in', async () => {
    const account = { ...freshAccount('long'), password: `${'Mönch-Kälte-47-'.repeat(4)}drum56` };
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

  /** What either side shows, in the words of new code. */
  const inOurWords = (list: Record<string, unknown>[]): Record<string, unknown>[] =>
    list.map((entry) => ({ ...entry, created_at: instant(entry['created_at'] as string) })).sort(byId);
  const byId = (a: Record<string, unknown>, b: Record<string, unknown>) => ((a['id'] as string) < (b['id'] as string) ? -1 : 1);
  const contactsOf = async (who: Person) =>
    ((await who.get(`/contacts?user_id=${who.id}`).expect(200)).body as Record<string, unknown>[]).sort(byId);
  /** A user of each side with his device at the other one. */
  const pair = async () => {
    const [here, there] = [await register(banyan.url, 'pair-of-ours'), await register(legacy.url, 'pair-of-theirs')];
    return { here, hereThere: await signIn(legacy.url, here), there, thereHere: await signIn(banyan.url, there) };
  };

  it('contacts: added, listed and removed on either side', async () => {
    const { here, hereThere, there, thereHere } = await pair();
    await there.put('/auth/public-key', { public_key: 'VEhFSVJT' }).expect(200);
    const nickname = 'Ä "nick" \u{1f600}';
    const { body: entry } = await here.post('/contacts/add', { user_id: here.id, contact_id: there.id, nickname }).expect(200);
    const { body: theirEntry } = await there.post('/contacts/add', { user_id: there.id, contact_id: here.id }).expect(200);
    for (const [ofUs, ofLegacy] of [
      [here, hereThere],
      [thereHere, there],
    ] as const) {
      const inLegacy = await contactsOf(ofLegacy);
      expect(inLegacy).toHaveLength(1);
      const shown = inOurWords(inLegacy);
      expect(await contactsOf(ofUs)).toEqual(shown);
      const list = async (who: Person) =>
        (await who.get(`/contacts/all-users?user_id=${who.id}`).expect(200)).body as Record<string, unknown>[];
      const ids = (entries: Record<string, unknown>[]) => entries.map(({ id, contact_id }) => `${String(id)} ${String(contact_id)}`).sort();
      expect(ids(await list(ofUs))).toEqual(ids(await list(ofLegacy)));
    }
    expect(await contactsOf(hereThere)).toMatchObject([{ id: entry.id, nickname, contact_public_key: 'VEhFSVJT' }]);
    await hereThere.post('/contacts/add', { user_id: here.id, contact_id: there.id }).expect(400, { detail: 'Contact already exists' });
    await thereHere.post('/contacts/add', { user_id: there.id, contact_id: here.id }).expect(400);
    await hereThere.delete(`/contacts/${entry.id}`).expect(200);
    await thereHere.delete(`/contacts/${theirEntry.id}`).expect(200);
    expect([await contactsOf(here), await contactsOf(there)]).toEqual([[], []]);
  });

  const link = async (id: string) => (await row('invitations', id))['invitation_token'] as string;

  it('invitations: sent on one side, verified and accepted on the other', async () => {
    const { here, there, thereHere, hereThere } = await pair();
    for (const [inviter, other, acceptor] of [
      [here, legacy, there],
      [there, banyan, here],
    ] as const) {
      const draft = { inviter_email: inviter.email, invitee_email: acceptor.email };
      const { body } = await inviter.post('/invitations/send', draft).expect(200);
      const token = await link(body.invitation_id as string);
      expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
      const { body: verified } = await request(other.url).get(`/api/v1/invitations/verify/${token}`).expect(200);
      expect(verified).toMatchObject({ inviter_id: inviter.id, invitee_email: acceptor.email, inviter_avatar: null });
      await request(other.url)
        .post('/api/v1/invitations/accept')
        .set('Authorization', `Bearer ${acceptor.token}`)
        .send({ token, new_user_id: acceptor.id })
        .expect(200);
      for (const { url } of [banyan, legacy])
        await request(url)
          .get(`/api/v1/invitations/verify/${token}`)
          .expect(400, /Invitation already accepted/);
      expect((await contactsOf(inviter)).map(({ contact_id }) => contact_id)).toContain(acceptor.id);
      // Free for the other direction.
      for (const who of [thereHere, here])
        for (const { id } of await contactsOf(who)) await who.delete(`/contacts/${String(id)}`).expect(200);
    }
    expect(await contactsOf(hereThere)).toEqual([]);
  });

  it('invitations: an open one is the same on both sides; what is revoked here is unknown there', async () => {
    const { here, hereThere } = await pair();
    const draft = { inviter_email: here.email, invitee_email: freshAccount('invited').email };
    const { body: first } = await here.post('/invitations/send', draft).expect(200);
    const { body: second } = await hereThere.post('/invitations/send', draft).expect(200);
    expect(second.invitation_id).toBe(first.invitation_id);
    const other = { ...draft, invitee_email: freshAccount('invited').email };
    const { body: third } = await hereThere.post('/invitations/send', other).expect(200);
    expect((await here.post('/invitations/send', other).expect(200)).body.invitation_id).toBe(third.invitation_id);
    const token = await link(third.invitation_id as string);
    await here.delete(`/invitations/${third.invitation_id}`).expect(200);
    await request(legacy.url).get(`/api/v1/invitations/verify/${token}`).expect(404);
    expect((await here.get('/invitations').expect(200)).body).toMatchObject([{ id: first.invitation_id, state: 'open' }]);
  });

  it('profiles: what is changed here stands in legacy’s row, and what legacy changes there is shown here', async () => {
    const { there, thereHere } = await pair();
    const about = { full_name: 'Ada Ä \u{1f600}', bio: "b'io\nÜ", avatar_url: 'https://example.com/a.png' };
    await thereHere.patch('/users/me', about).expect(200);
    expect(await row('users', there.id)).toMatchObject(about);
    expect((await there.get('/auth/me').expect(200)).body).toMatchObject(about);
    await sql.query(`UPDATE users SET full_name = 'by legacy', bio = NULL WHERE id = $1`, [there.id]);
    expect((await thereHere.get('/users/me').expect(200)).body).toMatchObject({
      full_name: 'by legacy',
      bio: null,
      avatar_url: about.avatar_url,
    });
  });

  it('profiles: a backup that legacy has stored is kept when new code replaces it', async () => {
    await theirs.post('/users/me/key-backup', { encrypted_private_key: 'legacys' }).expect(200);
    await theirsHere.post('/users/me/key-backup', { encrypted_private_key: 'newer' }).expect(200);
    expect((await theirs.get('/users/me/key-backup').expect(200)).body.encrypted_private_key).toBe('newer');
    const { body: list } = await theirsHere.get('/users/me/key-backups').expect(200);
    const texts = await Promise.all(
      (list as { id: string }[]).map(
        async ({ id }) => (await theirsHere.get(`/users/me/key-backups/${id}`).expect(200)).body.encrypted_private_key as string,
      ),
    );
    expect(texts.slice(0, 2)).toEqual(['newer', 'legacys']);
  });

  it('users: found by new code, whoever has registered them, also by whoever has just been registered by legacy', async () => {
    for (const person of [ours, theirs, await register(legacy.url, 'just-now')]) {
      const part = person.email.slice(2, 20).toUpperCase();
      const { body } = await theirsHere.get(`/users/search?email=${encodeURIComponent(part)}`).expect(200);
      expect(body).toContainEqual(expect.objectContaining({ id: person.id, email: person.email }));
      await theirsHere.get(`/users/by-email?email=${encodeURIComponent(person.email)}`).expect(200);
    }
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
