import { createHmac } from 'node:crypto';
import { variants } from '@banyan/migration/prepare/kinds';
import request from 'supertest';
import { FILLED_PASSWORD, fillLegacy } from '../legacy-app/fill-legacy';
import { LegacyProcess } from '../legacy-app/legacy-process';
import { TEST_SECRET } from '../support/banyan';
import { startOnLegacy, type ServerOnLegacy } from '../support/legacy-server';

interface Filled {
  readonly id: string;
  readonly email: string;
  readonly is_active: boolean | null;
  /** What legacy shows of him, by its own rule. */
  readonly shown: unknown;
}

type Entry = Record<string, unknown>;

/** A token as legacy signs it. */
function tokenOf(userId: string): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: userId, exp: Math.floor(Date.now() / 1000) + 3_600 })}`;
  return `${text}.${createHmac('sha256', TEST_SECRET).update(text).digest('base64url')}`;
}

/** Rows of every kind that legacy's years have left, seen through new code and through legacy. */
describe.each(variants)('every oddity of a legacy database of the %s variant', (variant) => {
  let banyan: ServerOnLegacy;
  let legacy: LegacyProcess;
  /** Of every combination of oddities two. */
  let users: Filled[];
  let all: number;
  let oddities: Readonly<Record<string, number>>;

  beforeAll(async () => {
    banyan = await startOnLegacy(variant);
    const client = await banyan.legacy.connect();
    const now = new Date().toISOString().slice(0, 19).replace('T', ' ');
    ({ oddities } = await fillLegacy(client, { users: 1_000, messages: 400, seed: 7, bcryptCost: 4, now }));
    legacy = await LegacyProcess.start({ databaseUrl: banyan.legacy.url, secret: TEST_SECRET });
    ({ rows: users } = await client.query<Filled>(
      `SELECT id, email, is_active, shown FROM (
         SELECT id, email, is_active, CASE WHEN json_typeof(keys) = 'array' THEN COALESCE(
             (SELECT key -> 'key_data' FROM json_array_elements(keys) key WHERE json_typeof(key) = 'object' AND key ->> 'status' = 'active' LIMIT 1),
             keys -> 0 -> 'key_data') END AS shown,
           row_number() OVER (PARTITION BY is_active, created_at IS NULL, full_name = '', left(password_hash, 4), is_twin, kind ORDER BY id) AS n
         FROM (
           SELECT *, CASE WHEN public_keys::text ~ '\\\\u(0000|d800)' THEN NULL ELSE public_keys END AS keys,
             (SELECT count(*) > 1 FROM users o WHERE lower(o.email) = lower(u.email)) AS is_twin,
             CASE WHEN public_keys::text ~ '\\\\u(0000|d800)' THEN 'no Unicode' WHEN public_keys::text ~ '"key_data": [^"]' THEN 'no string'
               WHEN public_keys::text IN ('null', '[]') THEN 'none' WHEN public_keys::text ~ '"key_data" ?: ?"cHVia2V5X' THEN 'placeholder'
               WHEN public_keys::text LIKE '%legacy-key-%' THEN 'migrated' WHEN public_keys::text NOT LIKE '%"active"%' THEN 'inactive'
               WHEN public_keys::text LIKE '%inactive%' THEN 'several' END AS kind
           FROM users u) AS classed) AS numbered
       WHERE n <= 2 ORDER BY id`,
    ));
    all = (await client.query('SELECT FROM users')).rowCount!;
  });
  afterAll(async () => {
    await legacy?.remove();
    await banyan?.close();
  });

  const ask = (url: string, path: string, me: string) =>
    request(`${url}/api/v1`)
      .get(path)
      .set('Authorization', `Bearer ${tokenOf(me)}`);
  /** A few at a time. */
  async function each<T>(list: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const queue = [...list];
    const worker = async () => {
      for (let item = queue.shift(); item; item = queue.shift()) await work(item);
    };
    await Promise.all(Array.from({ length: 6 }, worker));
  }
  const active = () => users.filter(({ is_active }) => is_active !== false);
  const utc = (naive: unknown) =>
    naive === null ? '1970-01-01T00:00:00.000000Z' : `${String(naive).includes('.') ? String(naive) : `${String(naive)}.000000`}Z`;

  it('is there', () => {
    const concerned = Object.entries(oddities).filter(([name]) => /^(users|keys|contacts|invitations)/.test(name));
    expect(concerned.filter(([, count]) => count === 0)).toEqual([]);
  });

  it('users sign in, with whatever hash; who is not active does not', async () => {
    await each(users, async ({ email, is_active }) => {
      const body = { email, password: FILLED_PASSWORD };
      await request(`${banyan.url}/api/v1`)
        .post('/auth/login')
        .send(body)
        .expect(is_active === false ? 401 : 200);
    });
  });

  it('users are found by id, by address and by a part of it, and everything but an unfit key is as legacy shows it', async () => {
    const [me] = active();
    await each(users, async ({ id, email, is_active, shown }) => {
      const { body } = await ask(banyan.url, `/users/${id}`, me!.id).expect(200);
      const { body: theirs } = await ask(legacy.url, `/users/${id}`, me!.id).expect(200);
      expect(body).toEqual({ ...theirs, is_active: is_active ?? true, public_key: body.public_key });
      if (typeof shown === 'string' && !shown.startsWith('cHVia2V5X')) expect(body.public_key).toBe(shown.replace(/\s/g, ''));
      else expect(body.public_key).toMatch(/./);
      const { body: found } = await ask(banyan.url, `/users/by-email?email=${encodeURIComponent(email)}`, me!.id).expect(200);
      expect(found).toMatchObject({ id, email });
      const { body: hits } = await ask(
        banyan.url,
        `/users/search?email=${encodeURIComponent(email.slice(1).toUpperCase())}`,
        me!.id,
      ).expect(200);
      expect((hits as Entry[]).map((hit) => hit['id'])).toContain(id);
    });
  });

  it('keys of the past are told, and each is a text with an instant in UTC or none', async () => {
    await each(active(), async ({ id }) => {
      const { body } = await ask(banyan.url, `/users/${id}/public-keys`, id).expect(200);
      for (const key of body as Entry[]) {
        expect(key['key_data']).toMatch(/^\S+$/);
        expect(key['created_at'] ?? '1970-01-01T00:00:00Z').toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
      }
    });
  });

  it('contacts are as legacy lists them, and where it lists none because of one bad key, all the same', async () => {
    const [me, keyless] = [active()[0]!, users.find(({ shown }) => typeof shown === 'number' || typeof shown === 'boolean')!];
    await (
      await banyan.legacy.connect()
    ).query('INSERT INTO contacts (id, user_id, contact_id) VALUES (gen_random_uuid(), $1, $2) ON CONFLICT DO NOTHING', [
      me.id,
      keyless.id,
    ]);
    let failed = 0;
    await each(active(), async ({ id }) => {
      const byId = (a: Entry, b: Entry) => ((a['id'] as string) < (b['id'] as string) ? -1 : 1);
      const { body } = await ask(banyan.url, `/contacts?user_id=${id}`, id).expect(200);
      const answer = await ask(legacy.url, `/contacts?user_id=${id}`, id);
      if (answer.status !== 200) return void failed++;
      const theirs = (answer.body as Entry[]).sort(byId);
      const ours = (body as Entry[]).sort(byId);
      expect(ours.map(({ contact_public_key: _, ...entry }) => entry)).toEqual(
        theirs.map(({ contact_public_key: _, ...entry }) => ({ ...entry, created_at: utc(entry['created_at']) })),
      );
    });
    expect(failed).toBeGreaterThan(0);
    const { body: everybody } = await ask(banyan.url, `/contacts/all-users?user_id=${me.id}`, me.id).expect(200);
    expect(everybody).toHaveLength(all - 1);
  });

  it('invitations are to each what they are to legacy', async () => {
    const client = await banyan.legacy.connect();
    const { rows } = await client.query<{ token: string; inviter: string }>(
      'SELECT invitation_token AS token, inviter_id AS inviter FROM invitations',
    );
    const sent = new Map<string, number>();
    for (const { inviter } of rows) sent.set(inviter, (sent.get(inviter) ?? 0) + 1);
    const states: Record<string, number> = {};
    await each(rows, async ({ token }) => {
      const [ours, theirs] = await Promise.all(
        [banyan, legacy].map(({ url }) => request(`${url}/api/v1`).get(`/invitations/verify/${token}`)),
      );
      expect([ours!.status, (ours!.body as Entry)['detail']]).toEqual([theirs!.status, (theirs!.body as Entry)['detail']]);
      if (ours!.status === 200) expect(ours!.body).toEqual(theirs!.body);
      const state = `${ours!.status} ${String((ours!.body as Entry)['detail'] ?? 'open')}`;
      states[state] = (states[state] ?? 0) + 1;
    });
    expect(Object.keys(states).sort()).toEqual(['200 open', '400 Invitation already accepted', '400 Invitation expired']);
    await each(active(), async ({ id }) => {
      const { body } = await ask(banyan.url, '/invitations', id).expect(200);
      expect((body as Entry[]).length).toBe(sent.get(id) ?? 0);
    });
  });
});
