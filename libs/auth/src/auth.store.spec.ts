import type { Database } from '@banyan/platform/database/database';
import { v7 as uuidv7 } from 'uuid';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { genericPlans } from '../../../test/support/plans';
import { AuthStore } from './auth.store';

const draftOf = (name: string) => ({ id: uuidv7(), email: `${name}@example.com`, username: name, password_hash: `$argon2id$${name}` });

describe.each(dataHomes)('accounts in $name', ({ open }) => {
  let home: DataHome;
  let database: Database;
  let store: AuthStore;
  beforeAll(async () => {
    home = await open('auth');
    database = home.databases.of('auth').database;
    store = new AuthStore(database);
  });
  afterAll(() => home?.close());

  const insert = (draft: ReturnType<typeof draftOf>, { on = database } = {}) =>
    on.transaction((tx) => new AuthStore(on).insertOnce(tx, draft));

  it('are found by id and by address as they were inserted, with the time the database gave them', async () => {
    const draft = draftOf('ada');
    const made = await insert(draft);
    const account = { ...draft, role: 'user', is_active: true, is_verified: false, created_at: made!.created_at };
    expect(made).toEqual({ id: draft.id, created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) });
    expect(await store.find(draft.id)).toEqual(account);
    expect(await store.findByEmail(draft.email)).toEqual(account);
    expect(await store.findTaken(draft.email, 'nobody')).toEqual(account);
    expect(await store.findTaken('nobody@example.com', draft.username)).toEqual(account);
  });

  it('are not found by what resembles them', async () => {
    await insert(draftOf('Case'));
    expect(await store.findByEmail('case@example.com')).toBeUndefined();
    expect(await store.findTaken('case@example.com', 'CASE')).toBeUndefined();
    expect(await store.find(uuidv7())).toBeUndefined();
  });

  it('prefer, of two that are in the way, the one with the address', async () => {
    const [address, name] = [draftOf('by-address'), draftOf('by-name')];
    await insert(address);
    await insert(name);
    expect(await store.findTaken(address.email, name.username)).toMatchObject({ id: address.id });
  });

  it('leave addresses and names to whoever had them first', async () => {
    const first = draftOf('first');
    await insert(first);
    expect(await insert({ ...draftOf('second'), email: first.email })).toBeUndefined();
    expect(await insert({ ...draftOf('second'), username: first.username })).toBeUndefined();
    expect(await insert({ ...draftOf('second'), id: first.id })).toBeUndefined();
    expect(await store.find(first.id)).toMatchObject(first);
  });

  it.each(['email', 'username'] as const)('are made once for one %s, however many processes try at once', async (column) => {
    const other = await home.another('auth');
    const drafts = Array.from({ length: 12 }, (_, n) => ({ ...draftOf(`${column}-${n}`), [column]: `crowd-${column}@example.com` }));
    const made = await Promise.all(drafts.map((draft, n) => insert(draft, { on: n % 2 === 0 ? database : other })));
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(
      await home.admin(`SELECT id FROM ${home.isLegacy ? 'users' : 'banyan_auth.users'} WHERE ${column} = $1`, [drafts[0]![column]]),
    ).toEqual([{ id: made.find(Boolean)!.id }]);
  });

  it('go with the transaction that made them', async () => {
    const draft = draftOf('undone');
    const undone = database.transaction(async (tx) => {
      await store.insertOnce(tx, draft);
      throw new Error('changed my mind');
    });
    await expect(undone).rejects.toThrow('changed my mind');
    expect(await store.find(draft.id)).toBeUndefined();
    expect(await insert(draft)).toMatchObject({ id: draft.id });
  });

  it('keep the lengths that legacy has', async () => {
    await expect(insert({ ...draftOf('long'), username: 'n'.repeat(101) })).rejects.toMatchObject({ code: '22001' });
    const longest = { ...draftOf('longest'), email: 'e'.repeat(255), username: '\u{1f600}'.repeat(100), password_hash: 'h'.repeat(255) };
    await insert(longest);
    expect(await store.find(longest.id)).toMatchObject(longest);
  });

  it('are looked up by their indexes', async () => {
    const table = home.isLegacy
      ? 'users (password_hash, public_keys, id, email, username)'
      : 'banyan_auth.users (password_hash, id, email, username)';
    await home.admin(
      `INSERT INTO ${table} SELECT 'hash', ${home.isLegacy ? `'[]',` : ''} gen_random_uuid(), n || '@example.org', 'number ' || n FROM generate_series(1, 3000) n`,
    );
    await home.admin('ANALYZE');
    const client = await home.client('auth');
    const plan = (ask: (store: AuthStore) => Promise<unknown>) => genericPlans(client, (recorder) => ask(new AuthStore(recorder)));
    expect(await plan((s) => s.find(''))).toMatch(/Index Scan using users_pkey/);
    expect(await plan((s) => s.findByEmail(''))).toMatch(/Index Scan using (users_email_key|idx_users_email)/);
    expect(await plan((s) => s.findTaken('', ''))).not.toMatch(/Seq Scan/);
  });
});

describe.each(dataHomes.slice(1))('accounts shared with legacy in $name', ({ open }) => {
  let home: DataHome;
  let store: AuthStore;
  beforeAll(async () => {
    home = await open('auth');
    store = new AuthStore(home.databases.of('auth').database);
  });
  afterAll(() => home?.close());

  it('are, for legacy, its own: no nulls where it expects none, no keys yet, a naive time in UTC', async () => {
    const draft = draftOf('shared');
    const made = await home.databases.of('auth').database.transaction((tx) => store.insertOnce(tx, draft));
    const [row] = await home.admin(
      `SELECT email, username, password_hash, public_keys::text, encrypted_private_key, full_name, is_active, is_verified, role,
         to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at FROM users WHERE id = $1`,
      [draft.id],
    );
    const { id: _, ...written } = draft;
    expect(row).toEqual({
      ...written,
      public_keys: '[]',
      encrypted_private_key: null,
      full_name: null,
      is_active: true,
      is_verified: false,
      role: 'user',
      created_at: made!.created_at,
    });
  });

  it('are read however legacy left them', async () => {
    const id = uuidv7();
    await home.admin(
      `INSERT INTO users (id, email, username, password_hash, public_keys, is_active, is_verified, role, created_at)
       VALUES ($1, 'old@example.com', 'old', '$2b$12$hash', '[]', NULL, NULL, 'admin', '2026-01-30 12:57:45.421392')`,
      [id],
    );
    expect(await store.findByEmail('old@example.com')).toEqual({
      id,
      email: 'old@example.com',
      username: 'old',
      password_hash: '$2b$12$hash',
      role: 'admin',
      is_active: true,
      is_verified: false,
      created_at: '2026-01-30T12:57:45.421392Z',
    });
  });

  it('go to whoever was first, legacy or we', async () => {
    const database = home.databases.of('auth').database;
    const draft = draftOf('contended');
    const legacy = (n: number) =>
      home
        .admin(
          `INSERT INTO users (id, email, username, password_hash, public_keys) VALUES (gen_random_uuid(), $1, $2, 'hash', '[]') RETURNING id`,
          [draft.email, `legacy ${n}`],
        )
        .catch((error: { code: string }) => error.code);
    const ours = (n: number) => database.transaction((tx) => store.insertOnce(tx, { ...draft, id: uuidv7(), username: `ours ${n}` }));
    const ended = await Promise.all([1, 2, 3, 4].flatMap((n) => [legacy(n), ours(n)]));
    expect(ended.filter((end) => end === '23505' || end === undefined)).toHaveLength(7);
    expect(await home.admin('SELECT 1 AS one FROM users WHERE email = $1', [draft.email])).toHaveLength(1);
  });
});
