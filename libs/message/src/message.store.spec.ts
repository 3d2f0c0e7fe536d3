import type { Database } from '@banyan/platform/database/database';
import { v7 as uuidv7 } from 'uuid';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { genericPlans } from '../../../test/support/plans';
import { MessageStore, type NewMessage } from './message.store';

describe.each(dataHomes)('messages in $name', ({ open }) => {
  let home: DataHome;
  let database: Database;
  let store: MessageStore;
  let [alice, bob, eve]: string[] = [];
  beforeAll(async () => {
    home = await open('message');
    database = home.databases.of('message').database;
    store = new MessageStore(database);
  });
  beforeEach(async () => {
    [alice, bob, eve] = await Promise.all([home.addUser(), home.addUser(), home.addUser()]);
  });
  afterAll(() => home?.close());

  const draftOf = (more: Partial<NewMessage> = {}): NewMessage => ({
    id: uuidv7(),
    sender_id: alice!,
    recipient_id: bob!,
    encrypted_content: 'content',
    encrypted_session_key: 'key',
    crypto_version: 'v1',
    encryption_algorithm: 'ECDH-AES256-GCM',
    kdf_algorithm: 'HKDF-SHA256',
    ...more,
  });
  const insert = (more?: Partial<NewMessage>) => database.transaction((tx) => store.insert(tx, draftOf(more)));
  const markRead = (id: string, on = database) => on.transaction((tx) => new MessageStore(on).markRead(tx, id));
  const erase = (id: string, on = database) => on.transaction((tx) => new MessageStore(on).erase(tx, id));
  const hide = (userId: string, id: string) => database.transaction((tx) => store.hide(tx, userId, id));
  const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);
  const table = () => (home.isLegacy ? 'public.messages' : 'banyan_message.messages');

  it('are read as they were written, to the letter, with the microseconds of the database', async () => {
    const draft = draftOf({
      encrypted_content: ' {"ct":"\u{1f600}\\u0000"}\r\n',
      encrypted_session_key: '\u2028',
      sender_encrypted_content: 'e\u0301',
      crypto_version: 'v2',
      signatures: [{ z: 1, a: [null, { deep: '\\' }], sig: 'é"' }, {}],
    });
    const row = await database.transaction((tx) => store.insert(tx, draft));
    expect(row).toEqual({ ...draft, is_read: false, created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) });
    expect(await store.find(draft.id)).toEqual(row);
    expect(await store.listAll(bob!, alice!)).toEqual([row]);
    const [kept] = await home.admin(
      `SELECT signatures::text, to_char(created_at ${home.isLegacy ? '' : `AT TIME ZONE 'UTC'`}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at,
         is_read, is_deleted, has_media FROM ${table()} WHERE id = $1`,
      [draft.id],
    );
    const written = { signatures: JSON.stringify(draft.signatures), created_at: row.created_at };
    expect(kept).toEqual({ ...written, is_read: false, is_deleted: false, has_media: false });
  });

  it('have neither signatures nor an own copy if none were sent', async () => {
    expect(await insert({ signatures: null })).toMatchObject({ signatures: [], sender_encrypted_content: null });
  });

  it('have ids of their own', async () => {
    const { id } = await insert();
    await expect(insert({ id, encrypted_content: 'other' })).rejects.toMatchObject({ code: 'message.exists' });
    expect(await store.find(id)).toMatchObject({ encrypted_content: 'content' });
    expect(await store.find(uuidv7())).toBeUndefined();
  });

  it('may be large', async () => {
    const encrypted_content = 'x'.repeat(500_000);
    const { id } = await insert({ encrypted_content });
    expect((await store.find(id))!.encrypted_content).toBe(encrypted_content);
  });

  describe('in a conversation', () => {
    it('are those of the two, both ways, oldest first, whoever asks', async () => {
      const own = [await insert(), await insert({ sender_id: bob, recipient_id: alice }), await insert()];
      await insert({ recipient_id: eve });
      await insert({ sender_id: eve });
      expect(await store.listAll(alice!, bob!)).toEqual(own);
      expect(await store.listAll(bob!, alice!)).toEqual(own);
      expect(ids(await store.listAll(alice!, alice!))).toEqual([]);
      const note = await insert({ recipient_id: alice });
      expect(await store.listAll(alice!, alice!)).toEqual([note]);
    });

    it('are paged without a gap or a repeat, though many have the same instant', async () => {
      const rows = [];
      for (let n = 0; n < 30; n++) rows.push(await insert());
      await home.admin(
        `UPDATE ${table()} SET created_at = '2026-01-30 12:57:45.421392+00'::timestamptz ${home.isLegacy ? `AT TIME ZONE 'UTC'` : ''} WHERE id = ANY ($1)`,
        [ids(rows.slice(5, 25))],
      );
      const all = await store.listAll(alice!, bob!);
      expect(all[0]!.created_at).toBe('2026-01-30T12:57:45.421392Z');
      const paged = await store.listNewest(alice!, bob!, 7);
      for (let page = paged; page.length > 0; paged.unshift(...page)) page = await store.listBefore(bob!, alice!, paged[0]!, 7);
      expect(paged).toEqual(all);
    });

    it('may be many', async () => {
      await home.admin(
        `INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, created_at)
         SELECT gen_random_uuid(), $1, $2, n, 'k', timestamptz '2026-01-01' + n * interval '1 microsecond' FROM generate_series(1, 3000) n`,
        [alice, bob],
      );
      const contents = (await store.listAll(alice!, bob!)).map(({ encrypted_content }) => Number(encrypted_content));
      expect(contents).toEqual(Array.from({ length: 3_000 }, (_, n) => n + 1));
      expect((await store.listNewest(alice!, bob!, 1_000)).map(({ encrypted_content }) => Number(encrypted_content))).toEqual(
        contents.slice(2_000),
      );
    });

    it('are hidden for whoever deleted them for himself, and for nobody else', async () => {
      const [first, second] = [await insert(), await insert()];
      expect(await hide(alice!, first.id)).toBe(true);
      expect(await hide(alice!, first.id)).toBe(false);
      expect(await store.listAll(alice!, bob!)).toEqual([second]);
      expect(await store.listNewest(alice!, bob!, 10)).toEqual([second]);
      expect(await store.listBefore(alice!, bob!, second, 10)).toEqual([]);
      expect(await store.listAll(bob!, alice!)).toEqual([first, second]);
    });

    it('are gone for both when they were erased, and nothing of the content stays', async () => {
      const secret = 'not for anybody any more';
      const draft = {
        encrypted_content: secret,
        encrypted_session_key: secret,
        sender_encrypted_content: secret,
        signatures: [{ secret }],
      };
      const { id } = await insert(draft);
      expect(await erase(id)).toBe(true);
      expect(await erase(id)).toBe(false);
      for (const list of [store.listAll(alice!, bob!), store.listNewest(bob!, alice!, 5)]) expect(await list).toEqual([]);
      const [row] = await home.admin<{ text: string }>(`SELECT m::text AS text FROM banyan_message.messages m WHERE id = $1`, [id]);
      expect(row!.text).not.toContain(secret);
    });
  });

  describe('of many processes', () => {
    it('are marked as read once', async () => {
      const { id } = await insert();
      const other = await home.another('message');
      const claims = await Promise.all(Array.from({ length: 12 }, (_, n) => markRead(id, n % 2 ? other : database)));
      expect(claims.filter(Boolean)).toHaveLength(1);
      expect(await store.find(id)).toMatchObject({ is_read: true });
      expect(await markRead(uuidv7())).toBe(false);
    });

    it('are erased once, and being read meanwhile neither prevents nor undoes it', async () => {
      const { id } = await insert();
      const other = await home.another('message');
      const done = await Promise.all(
        Array.from({ length: 12 }, (_, n) => (n % 3 ? markRead(id, other).then(() => false) : erase(id, n % 2 ? other : database))),
      );
      expect(done.filter(Boolean)).toHaveLength(1);
      const [row] = await home.admin(`SELECT is_deleted, is_read, encrypted_content FROM banyan_message.messages WHERE id = $1`, [id]);
      expect(row).toEqual({ is_deleted: true, is_read: true, encrypted_content: '' });
    });

    it('are hidden once', async () => {
      const { id } = await insert();
      const done = await Promise.all(Array.from({ length: 6 }, () => hide(bob!, id)));
      expect(done.filter(Boolean)).toHaveLength(1);
    });
  });

  it('are looked up by their indexes', async () => {
    await home.admin(
      `INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, created_at)
       SELECT gen_random_uuid(), (ARRAY[$1, $2, $3]::uuid[])[1 + n % 3], (ARRAY[$1, $2, $3]::uuid[])[1 + n % 2], 'c', 'k',
         timestamptz '2026-01-01' + n * interval '1 microsecond' FROM generate_series(1, 4000) n`,
      [alice, bob, eve],
    );
    await home.admin('ANALYZE');
    const client = await home.client('message');
    const plan = (ask: Parameters<typeof genericPlans>[1]) => genericPlans(client, ask);
    const row = { id: uuidv7(), created_at: '' };
    for (const lines of [
      await plan((d) => new MessageStore(d).find('')),
      await plan((d, tx) => new MessageStore(d).markRead(tx, '')),
      await plan((d, tx) => new MessageStore(d).erase(tx, '')),
    ]) {
      expect(lines).toMatch(/Index Scan using messages_pkey/);
      expect(lines).not.toMatch(/Seq Scan on messages/);
    }
    expect(await plan((d) => new MessageStore(d).listAll('', ''))).toMatch(
      /(Index Scan using|Bitmap Index Scan on) (banyan_)?messages_conversation/,
    );
    for (const lines of [
      await plan((d) => new MessageStore(d).listNewest('', '', 1)),
      await plan((d) => new MessageStore(d).listBefore('', '', row, 1)),
    ]) {
      expect(lines).toMatch(/Index Scan Backward using (banyan_)?messages_conversation/);
      expect(lines).not.toMatch(/Sort|Seq Scan on messages/);
    }
  });
});

describe.each(dataHomes.slice(1))('messages shared with legacy in $name', ({ name, open }) => {
  let home: DataHome;
  let store: MessageStore;
  let [alice, bob]: string[] = [];
  beforeAll(async () => {
    home = await open('message');
    store = new MessageStore(home.databases.of('message').database);
    [alice, bob] = [await home.addUser(), await home.addUser()];
  });
  afterAll(() => home?.close());

  it('are read however legacy left them', async () => {
    const id = uuidv7();
    await home.admin(
      `INSERT INTO messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, signatures, created_at)
       VALUES ($1, $2, $3, $4, $4, NULL, '2026-01-30 12:57:45.421392')`,
      [id, alice, bob, name.includes('bytea') ? Buffer.from('grüße') : 'grüße'],
    );
    expect(await store.find(id)).toEqual({
      id,
      sender_id: alice,
      recipient_id: bob,
      encrypted_content: 'grüße',
      encrypted_session_key: 'grüße',
      sender_encrypted_content: null,
      crypto_version: 'v1',
      encryption_algorithm: 'ECDH-AES256-GCM',
      kdf_algorithm: 'HKDF-SHA256',
      signatures: [],
      is_read: false,
      created_at: '2026-01-30T12:57:45.421392Z',
    });
  });

  it('go with an account that legacy removes', async () => {
    const gone = await home.addUser();
    const database = home.databases.of('message').database;
    const draft = { id: uuidv7(), sender_id: alice!, recipient_id: gone, encrypted_content: 'c', encrypted_session_key: 'k' };
    const algorithms = { crypto_version: 'v1', encryption_algorithm: 'a', kdf_algorithm: 'k' };
    await database.transaction((tx) => store.insert(tx, { ...draft, ...algorithms }));
    await home.admin('DELETE FROM users WHERE id = $1', [gone]);
    expect(await store.find(draft.id)).toBeUndefined();
    const late = database.transaction((tx) => store.insert(tx, { ...draft, ...algorithms, id: uuidv7() }));
    await expect(late).rejects.toMatchObject({ code: 'message.recipient_not_found' });
  });
});
