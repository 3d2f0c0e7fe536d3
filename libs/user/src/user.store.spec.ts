import { randomUUID } from 'node:crypto';
import type { Database } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { genericPlans } from '../../../test/support/plans';
import { type KeyEntry, withActiveKey } from './keys';
import { UserStore } from './user.store';

const CREATED_AT = '2026-01-30T12:57:45.421392Z';
const key = (key_data: string, status: KeyEntry['status'] = 'active'): KeyEntry => ({
  key_id: `key-${key_data}`,
  algorithm: 'SECP256R1',
  key_data,
  created_at: CREATED_AT,
  status,
});

describe.each(dataHomes)('profiles in $name', ({ open }) => {
  let home: DataHome;
  let database: Database;
  let store: UserStore;
  beforeAll(async () => {
    home = await open('auth', 'user');
    database = home.databases.of('user').database;
    store = new UserStore(database);
  });
  afterAll(() => home?.close());

  /** What registration leaves for the profile: an account that has none yet. */
  async function account({ email }: { email?: string } = {}) {
    const user_id = randomUUID();
    const draft = { user_id, email: email ?? `${user_id}@example.com`, username: `user ${user_id}` };
    await home.databases.of('auth').database.query(sql`
      INSERT INTO banyan_auth.users (id, email, username, password_hash, created_at)
      VALUES (${user_id}, ${draft.email}, ${draft.username}, 'hash', ${CREATED_AT})`);
    return { ...draft, full_name: 'Ada', public_keys: [key('first')], created_at: CREATED_AT };
  }

  async function profile(more?: { email?: string }) {
    const draft = await account(more);
    await store.insertOnce(draft);
    return draft;
  }

  const replaceBackup = (userId: string, text: string, on = database) =>
    on.transaction(async (tx) => {
      const own = new UserStore(on);
      await own.lockBackup(tx, userId);
      await own.updateKeyBackup(tx, userId, text);
    });

  const replaceKey = (userId: string, keyData: string, on = database) =>
    on.transaction(async (tx) => {
      const own = new UserStore(on);
      const { public_keys, now } = (await own.lockKeys(tx, userId))!;
      const keys = withActiveKey(public_keys, keyData, now);
      if (keys) await own.updateKeys(tx, userId, keys);
    });

  it('are there once they were inserted, and not before', async () => {
    const draft = await account();
    expect(await store.find(draft.user_id)).toBeUndefined();
    expect(await store.mayWrite([{ from: randomUUID(), to: draft.user_id }])).toEqual([false]);
    expect(await database.transaction((tx) => store.lockBackup(tx, draft.user_id))).toBeUndefined();
    await store.insertOnce(draft);
    const { user_id: id, ...rest } = draft;
    expect(await store.find(id)).toEqual({ id, ...rest, avatar_url: null, bio: null, encrypted_private_key: null, is_active: true });
    const from = randomUUID();
    expect(await store.mayWrite([id, randomUUID(), id].map((to) => ({ from, to })))).toEqual([true, false, true]);
  });

  it('stay as they are when they are inserted again', async () => {
    const draft = await profile();
    await store.insertOnce({ ...draft, full_name: 'Eve', public_keys: [key('other')] });
    expect(await store.find(draft.user_id)).toMatchObject({ full_name: 'Ada', public_keys: [key('first')] });
  });

  it('are made once by a call and an event at the same moment', async () => {
    const draft = await account();
    const other = new UserStore(await home.another('user'));
    await Promise.all([1, 2, 3, 4, 5, 6].map((n) => (n % 2 ? store : other).insertOnce({ ...draft, full_name: `Ada ${n}` })));
    expect(await store.find(draft.user_id)).toMatchObject({ full_name: expect.stringMatching(/^Ada [1-6]$/) });
  });

  it('keep a history of keys in its order, and every replacement of two processes at once', async () => {
    const { user_id } = await profile();
    const other = await home.another('user');
    const names = Array.from({ length: 10 }, (_, n) => `key-${n}`);
    await Promise.all(names.map((name, n) => replaceKey(user_id, name, n % 2 ? other : database)));
    const { public_keys } = (await store.find(user_id))!;
    expect(public_keys.map(({ key_data }) => key_data).sort()).toEqual(['first', ...names].sort());
    expect(public_keys[0]).toEqual(key('first', 'inactive'));
    expect(public_keys.filter(({ status }) => status === 'active')).toEqual([public_keys.at(-1)]);
  });

  it('lose neither a new key nor a key backup that are stored at once', async () => {
    const { user_id } = await profile();
    const other = await home.another('user');
    const backups = Array.from({ length: 8 }, (_, n) => `backup-${n}`);
    await Promise.all([...backups.map((text) => replaceBackup(user_id, text, other)), ...backups.map((text) => replaceKey(user_id, text))]);
    const row = (await store.find(user_id))!;
    expect(backups).toContain(row.encrypted_private_key);
    expect(row.public_keys).toHaveLength(9);
  });

  it('are changed by one at a time, each on top of the one before', async () => {
    const { user_id } = await profile();
    let later: Promise<void> | undefined;
    await database.transaction(async (tx) => {
      await store.lockKeys(tx, user_id);
      later ??= replaceKey(user_id, 'later');
      await store.updateKeys(tx, user_id, [key('sooner')]);
    });
    await later;
    expect((await store.find(user_id))!.public_keys.map(({ key_data }) => key_data)).toEqual(['sooner', 'later']);
  });

  it('keep a key backup byte for byte, however long', async () => {
    const { user_id } = await profile();
    for (const text of ['', ' {"a" : 1}\r\n', '\u{1f600}\\u0000 \u2028 e\u0301', 'x'.repeat(100_000)]) {
      await replaceBackup(user_id, text);
      expect((await store.find(user_id))!.encrypted_private_key).toBe(text);
    }
  });

  it('are found by a part of their address in any case, and a wildcard is a letter like others', async () => {
    const [tag, viewer] = [randomUUID(), randomUUID()];
    for (const name of ['b%', 'a_', 'C\\']) await profile({ email: `${name}.${tag}@example.com` });
    const found = async (part: string) => (await store.search(viewer, part, 10)).map(({ email }) => email.split('.')[0]);
    expect((await found(tag.toUpperCase())).sort()).toEqual(['C\\', 'a_', 'b%']);
    expect(await found(`b%.${tag}`)).toEqual(['b%']);
    expect(await found(`%.${tag}`)).toEqual(['b%']);
    expect(await found(`_.${tag}`)).toEqual(['a_']);
    expect(await found(`c\\.${tag}`)).toEqual(['C\\']);
    expect(await store.search(viewer, tag, 2)).toHaveLength(2);
    expect(await store.findByEmail(viewer, `a_.${tag}@example.com`)).toMatchObject({
      email: `a_.${tag}@example.com`,
      full_name: 'Ada',
      is_active: true,
    });
    expect(await store.findByEmail(viewer, `A_.${tag}@example.com`)).toBeUndefined();
  });

  it('are looked up by their indexes', async () => {
    await home.admin(
      home.isLegacy
        ? `INSERT INTO users (id, email, username, password_hash, public_keys) SELECT gen_random_uuid(), n || '@example.org', n, 'hash', '[]' FROM generate_series(1, 3000) n`
        : `INSERT INTO banyan_user.user_profiles (id, email, username) SELECT gen_random_uuid(), n || '@example.org', n FROM generate_series(1, 3000) n`,
    );
    await home.admin('ANALYZE');
    const client = await home.client('user');
    const plan = (ask: Parameters<typeof genericPlans>[1]) => genericPlans(client, ask);
    const byId = [
      await plan((d) => new UserStore(d).find('')),
      await plan((d) => new UserStore(d).mayWrite([])),
      await plan((d) => new UserStore(d).findFor('', '')),
      await plan((d, tx) => new UserStore(d).lockKeys(tx, '')),
      await plan((d, tx) => new UserStore(d).updateKeys(tx, '', [])),
      await plan((d, tx) => new UserStore(d).updateKeyBackup(tx, '', '')),
    ];
    for (const lines of byId) expect(lines).toMatch(/((Index|Index Only) Scan using|Bitmap Index Scan on) (users|user_profiles)_pkey/);
    expect(await plan((d) => new UserStore(d).findByEmail('', ''))).toMatch(
      /(Index Scan using|Bitmap Index Scan on) (users_email_key|idx_users_email|user_profiles_email)/,
    );
  });
});

describe.each(dataHomes.slice(1))('profiles shared with legacy in $name', ({ open }) => {
  let home: DataHome;
  let store: UserStore;
  beforeAll(async () => {
    home = await open('user');
    store = new UserStore(home.databases.of('user').database);
  });
  afterAll(() => home?.close());

  it('are there for everybody whom legacy registered, with the keys that are keys', async () => {
    const id = await home.addUser();
    const [shown, placeholder] = [
      { key_id: 'k', key_data: 'QUJD', status: 'active', created_at: '2026-01-30 12:57:45.421392' },
      'cHVia2V5X2FkYQ==',
    ];
    await home.admin('UPDATE users SET public_keys = $2, is_active = NULL WHERE id = $1', [
      id,
      JSON.stringify([{ key_id: 'p', key_data: placeholder, status: 'inactive' }, shown, { key_data: 7 }]),
    ]);
    expect(await store.find(id)).toMatchObject({
      is_active: true,
      public_keys: [{ ...shown, created_at: '2026-01-30T12:57:45.421392' }],
    });
  });

  it('give legacy a list of keys that it can read, in its own form', async () => {
    const id = await home.addUser();
    const database = home.databases.of('user').database;
    await database.transaction(async (tx) => {
      const { public_keys, now } = (await store.lockKeys(tx, id))!;
      await store.updateKeys(tx, id, withActiveKey(withActiveKey(public_keys, 'one', now)!, 'two', now)!);
    });
    const [row] = await home.admin<{ public_keys: KeyEntry[] }>('SELECT public_keys FROM users WHERE id = $1', [id]);
    expect(row!.public_keys).toMatchObject([
      { key_data: 'one', status: 'inactive', algorithm: 'SECP256R1' },
      { key_data: 'two', status: 'active', algorithm: 'SECP256R1' },
    ]);
  });

  it('need an account', async () => {
    const draft = {
      user_id: randomUUID(),
      email: 'x@example.com',
      username: 'x',
      full_name: null,
      public_keys: [],
      created_at: CREATED_AT,
    };
    await expect(store.insertOnce(draft)).rejects.toMatchObject({ code: '23503' });
  });
});
