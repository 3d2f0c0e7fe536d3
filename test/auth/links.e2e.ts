import { link } from '@banyan/auth/contract';
import type { Output } from '@banyan/platform/contract';
import { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import request from 'supertest';
import { startTestServer, type TestServer } from '../support/banyan';
import { startOnLegacy } from '../support/legacy-server';
import { freshAccount, PASSWORD } from '../support/people';

interface Place {
  readonly server: TestServer;
  readonly databaseUrl: string;
  close(): Promise<void>;
}

async function onOwn(): Promise<Place> {
  const server = await startTestServer({ twice: true });
  return { server, databaseUrl: server.environment.AUTH_DATABASE_URL!, close: () => server.close() };
}

async function onLegacy(): Promise<Place> {
  const { server, legacy, close } = await startOnLegacy('text', { twice: true });
  return { server, databaseUrl: legacy.url, close };
}

describe.each<[string, () => Promise<Place>]>([
  ['its own database', onOwn],
  ['the legacy database', onLegacy],
])('links of mails, on %s', (_name, start) => {
  let place: Place;
  let database: Client;
  let url: string;
  beforeAll(async () => {
    place = await start();
    ({ url } = place.server);
    database = new Client(place.databaseUrl);
    await database.connect();
  });
  afterAll(async () => {
    await database?.end();
    await place?.close();
  });

  const post = (path: string, body: object) => request(url).post(`/api/v1/auth${path}`).send(body);
  /** As whoever sends the mail asks. */
  const linkOf = (user_id: string, purpose: 'verify_email' | 'reset_password', request_id: string) => {
    const call = { actor: { kind: 'system', name: 'mail' }, key: randomUUID() } as const;
    return place.server.app.get(Dispatcher, { strict: false }).callFromEdge(link, { user_id, purpose, request_id }, call) as Promise<
      Output<typeof link>
    >;
  };
  const tokenIn = ({ url: address }: { url: string }) => new URL(address).hash.slice(1);
  const begin = async () => {
    const account = freshAccount('linked');
    const { body } = await post('/register', account).expect(200);
    return { ...account, id: body.user.id as string, access: body.access_token as string, refresh: body.refresh_token as string };
  };
  const me = async (token: string) => (await request(url).get('/api/v1/auth/me').set('Authorization', `Bearer ${token}`)).body;
  /** Of the newest request that was announced, or is. */
  const requestOf = async (userId: string, purpose: string): Promise<string | undefined> => {
    const { rows } = await database.query<{ request_id: string }>(
      'SELECT request_id FROM banyan_auth.links WHERE user_id = $1 AND purpose = $2 ORDER BY created_at DESC LIMIT 1',
      [userId, purpose],
    );
    return rows[0]?.request_id;
  };
  const reset = async (who: { id: string; email: string }) => {
    await post('/password/forgot', { email: who.email }).expect(200, { success: true });
    return linkOf(who.id, 'reset_password', (await requestOf(who.id, 'reset_password'))!);
  };

  it('verify the address of a new account; asked for twice they are the same, used twice they say the same', async () => {
    const account = await begin();
    const [first, again] = [await linkOf(account.id, 'verify_email', account.id), await linkOf(account.id, 'verify_email', account.id)];
    expect(again).toEqual(first);
    expect(first).toMatchObject({ email: account.email, username: account.username, expires_at: expect.stringMatching(/Z$/) });
    expect(first.url).toMatch(/^http:\/\/localhost:\d+\/account\/verify-email#[\w-]{43}$/);
    const { rows } = await database.query('SELECT 1 FROM banyan_auth.links l WHERE l::text LIKE $1', [`%${tokenIn(first)}%`]);
    expect(rows).toEqual([]); // only its hash is kept
    for (let i = 0; i < 2; i++) await post('/email/verify', { token: tokenIn(first) }).expect(200, { success: true });
    expect((await me(account.access)).is_verified).toBe(true);
    await expect(linkOf(account.id, 'verify_email', account.id)).rejects.toMatchObject({ code: 'auth.no_link', status: 410 });
    await post('/email/resend', { email: account.email }).expect(200, { success: true });
    expect(await requestOf(account.id, 'verify_email')).toBe(account.id); // nothing more is wanted
  });

  it('set a new password, once: whoever was signed in is no more, and the address is verified', async () => {
    const account = await begin();
    const found = await reset(account);
    expect(found.url).toMatch(/\/account\/reset-password#[\w-]{43}$/);
    const set = (password: string, token = tokenIn(found)) => post('/password/reset', { token, password });
    await set('password1').expect(422, /too easy to guess/);
    await set('better-horse-2').expect(200);
    await set('better-horse-2').expect(200); // its answer was lost
    await set('other-horse-3').expect(400, /not valid any more/);
    expect(await me(account.access)).toMatchObject({ detail: 'Could not validate credentials' });
    await post('/refresh', { refresh_token: account.refresh }).expect(401);
    await post('/login', { email: account.email, password: PASSWORD }).expect(401);
    const { body } = await post('/login', { email: account.email, password: 'better-horse-2' }).expect(200);
    expect((await me(body.access_token as string)).is_verified).toBe(true);
    const { rows } = await database.query<{ hash: string }>('SELECT password_hash AS hash FROM banyan_auth.users WHERE id = $1', [
      account.id,
    ]);
    expect(rows[0]!.hash).toMatch(_name === 'the legacy database' ? /^\$2b\$12\$/ : /^\$argon2id\$/);
  });

  it('of one kind are replaced by a newer one, and by a changed password', async () => {
    const account = await begin();
    const [older, newer] = [await reset(account), await reset(account)];
    await post('/password/reset', { token: tokenIn(older), password: 'better-horse-2' }).expect(400);
    const change = { current_password: PASSWORD, new_password: 'changed-horse-4' };
    await request(url).post('/api/v1/auth/password/change').set('Authorization', `Bearer ${account.access}`).send(change).expect(200);
    await post('/password/reset', { token: tokenIn(newer), password: 'better-horse-2' }).expect(400);
  });

  it('end', async () => {
    const account = await begin();
    const found = await reset(account);
    await database.query(`UPDATE banyan_auth.links SET expires_at = now() WHERE user_id = $1`, [account.id]);
    await post('/password/reset', { token: tokenIn(found), password: 'better-horse-2' }).expect(400);
    await expect(linkOf(account.id, 'reset_password', (await requestOf(account.id, 'reset_password'))!)).rejects.toMatchObject({
      code: 'auth.no_link',
    });
  });

  it('are not made without end: the last one stays good', async () => {
    const account = await begin();
    for (let i = 0; i < 5; i++) await post('/password/forgot', { email: account.email }).expect(200);
    const { rows } = await database.query('SELECT 1 FROM banyan_auth.links WHERE user_id = $1 AND purpose = $2', [
      account.id,
      'reset_password',
    ]);
    expect(rows).toHaveLength(3);
    const found = await linkOf(account.id, 'reset_password', (await requestOf(account.id, 'reset_password'))!);
    await post('/password/reset', { token: tokenIn(found), password: 'better-horse-2' }).expect(200);
  });

  it('that are not asked for by their user, made up, or of a stranger are none', async () => {
    const [account, other] = [await begin(), await begin()];
    await reset(account);
    const id = (await requestOf(account.id, 'reset_password'))!;
    for (const asked of [
      linkOf(other.id, 'reset_password', id),
      linkOf(account.id, 'reset_password', randomUUID()),
      linkOf(randomUUID(), 'verify_email', id),
    ])
      await expect(asked).rejects.toMatchObject({ code: 'auth.no_link' });
    for (const token of ['x', 'A'.repeat(43), account.access]) {
      await post('/password/reset', { token, password: 'better-horse-2' }).expect(400);
      await post('/email/verify', { token }).expect(400);
    }
    const verification = await linkOf(account.id, 'verify_email', account.id);
    await post('/password/reset', { token: tokenIn(verification), password: 'better-horse-2' }).expect(400); // of the other kind
  });

  it('are announced without a secret, and asked for by nobody to his face', async () => {
    const account = await begin();
    const known = await post('/password/forgot', { email: account.email }).expect(200);
    const unknown = await post('/password/forgot', { email: freshAccount('nobody').email }).expect(200);
    expect(unknown.body).toEqual(known.body);
    expect((await post('/email/resend', { email: freshAccount('nobody').email }).expect(200)).body).toEqual({ success: true });
    await post('/email/resend', { email: account.email }).expect(200, { success: true });
    expect(await requestOf(account.id, 'verify_email')).toBeDefined();
  });
});
