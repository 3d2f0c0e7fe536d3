import { createHmac } from 'node:crypto';
import request, { type Response } from 'supertest';
import { TEST_SECRET } from '../support/banyan';
import { Deployment } from '../support/deployment';
import { freshAccount, PASSWORD } from '../support/people';
import { RedisServer } from '../support/redis-server';
import { startPlacedOnLegacy } from '../support/placements';
import { domainNames } from '@banyan/domains';
import { until } from '../support/until';

interface Place {
  readonly deployment: Deployment;
  close(): Promise<void>;
}

const each = <T>(value: T) => Object.fromEntries(domainNames.map((domain) => [domain, value]));

async function twoHosts(environment: Record<string, string>): Promise<Place> {
  const deployment = await Deployment.start({ hosts: 2, environment });
  return { deployment, close: () => deployment.remove() };
}

async function remote(environment: Record<string, string>): Promise<Place> {
  const deployment = await Deployment.start({ hosts: 2, remote: each(1), workers: each(1), environment });
  return { deployment, close: () => deployment.remove() };
}

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

describe.each<[string, (environment: Record<string, string>) => Promise<Place>]>([
  ['in two hosts', twoHosts],
  ['in services, with two hosts', remote],
  ['in services, on the legacy database', (environment) => startPlacedOnLegacy('text', environment)],
])('sessions, %s', (_name, start) => {
  let place: Place;
  let urls: string[];
  beforeAll(async () => {
    place = await start({ REDIS_URL: redis.url });
    urls = place.deployment.hosts.map(({ url }) => url);
  });
  afterAll(() => place?.close());

  const post = (path: string, body: object = {}, url = urls[0]!) => request(url).post(`/api/v1/auth${path}`).send(body);
  const me = (token: string, url: string) => request(url).get('/api/v1/auth/me').set('Authorization', `Bearer ${token}`);
  const as = (token: string, method: 'post' | 'get' | 'delete', path: string, body?: object, url = urls[0]!) =>
    request(url)[method](`/api/v1/auth${path}`).set('Authorization', `Bearer ${token}`).send(body);
  /** Everywhere, as soon as it is told. */
  const isRefused = async (...tokens: string[]) => {
    for (const url of urls) for (const token of tokens) await until(async () => (await me(token, url)).status === 401);
  };
  const isGood = async (...tokens: string[]) => {
    for (const url of urls) for (const token of tokens) await me(token, url).expect(200);
  };
  const begin = async () => {
    const account = freshAccount('session');
    const { body } = await post('/register', account).expect(200);
    return { ...account, id: body.user.id as string, access: body.access_token as string, refresh: body.refresh_token as string };
  };
  const login = async ({ email, password }: { email: string; password: string }) =>
    (await post('/login', { email, password }).expect(200)).body;

  /** As the monolith makes them. */
  const legacyToken = (sub: string, lifeSeconds = 86_400) => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, exp: Math.floor(Date.now() / 1_000) + lifeSeconds })}`;
    return `${text}.${createHmac('sha256', TEST_SECRET).update(text).digest('base64url')}`;
  };

  it('50 parallel refreshes of one token: one exchange, whose successor all get, and the family lives', async () => {
    const { refresh, access } = await begin();
    const answers: Response[] = await Promise.all(
      Array.from({ length: 50 }, (_, i) => post('/refresh', { refresh_token: refresh }, urls[i % urls.length])),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => body.refresh_token as string)).size).toBe(1);
    const [{ body }] = answers as [Response];
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'bearer',
      expires_in: 86_400,
      refresh_token: expect.any(String),
      session_id: expect.any(String),
    });
    expect(body.refresh_token).not.toBe(refresh);
    await isGood(access, body.access_token as string);
    await post('/refresh', { refresh_token: body.refresh_token }).expect(200);
  });

  it.each([false, true])('an old token shown again ends the family and all of its tokens everywhere (Redis wiped: %s)', async (wiped) => {
    const { refresh: first, access, ...account } = await begin();
    const other = await login(account);
    const tokens = [access];
    let refresh = first;
    for (let i = 0; i < 2; i++) {
      const { body } = await post('/refresh', { refresh_token: refresh }).expect(200);
      refresh = body.refresh_token as string;
      tokens.push(body.access_token as string);
    }
    await isGood(...tokens);
    if (wiped) {
      await redis.kill();
      await redis.startAgain({ wiped: true });
    }
    await until(async () => (await post('/refresh', { refresh_token: first })).status === 401);
    if (wiped) {
      await redis.kill();
      await redis.startAgain({ wiped: true });
    }
    await post('/refresh', { refresh_token: refresh }).expect(401);
    await isRefused(...tokens);
    await isGood(other.access_token as string); // another session of the same user
    await post('/refresh', { refresh_token: other.refresh_token }).expect(200);
  });

  it('a token that was never one is refused and ends nothing', async () => {
    const { refresh, access } = await begin();
    for (const made of [
      'x',
      '',
      'A'.repeat(64),
      refresh.replace(/^.{30}/, (head) => head.split('').reverse().join('')),
      `${refresh}=`,
      access,
    ])
      await post('/refresh', { refresh_token: made }).expect(401);
    await post('/refresh', { refresh_token: refresh }).expect(200);
  });

  it('signing out ends this session: at once where it is said, elsewhere as soon as it is told', async () => {
    const { access, refresh, ...account } = await begin();
    const other = await login(account);
    await isGood(access, other.access_token as string);
    const { headers } = await as(access, 'post', '/logout').expect(200, { success: true });
    expect(headers['set-cookie']).toEqual([expect.stringMatching(/^banyan_session=; Max-Age=0;/)]);
    await me(access, urls[0]!).expect(401, /Could not validate credentials/);
    await isRefused(access);
    await post('/refresh', { refresh_token: refresh }).expect(401);
    await isGood(other.access_token as string);
  });

  it('signing out everywhere ends all of them, those of the monolith too', async () => {
    const { access, id, ...account } = await begin();
    const other = await login(account);
    const old = legacyToken(id);
    await isGood(access, old, other.access_token as string);
    await as(access, 'post', '/logout-all').expect(200);
    await isRefused(access, old, other.access_token as string);
    await post('/refresh', { refresh_token: other.refresh_token }).expect(401);
    await isGood(legacyToken(id, 86_500)); // made later
  });

  it('signing out with a token of the monolith ends those that are not younger', async () => {
    const { access, id } = await begin();
    const [older, shown, younger] = [legacyToken(id, 1_000), legacyToken(id, 2_000), legacyToken(id, 3_000)];
    await as(shown, 'post', '/logout').expect(200);
    await isRefused(older, shown);
    await isGood(younger, access);
  });

  it('are listed, and ended one by one by their owner only', async () => {
    const { access, ...account } = await begin();
    const other = (
      await request(urls[0]!).post('/api/v1/auth/login').set('User-Agent', 'a phone').send({ email: account.email, password: PASSWORD })
    ).body;
    const stranger = await begin();
    const list = async (token: string) =>
      (await as(token, 'get', '/sessions').expect(200)).body as { id: string; is_current: boolean; agent: string | null }[];
    const found = await list(access);
    expect(found).toHaveLength(2);
    expect(found.find(({ id }) => id === other.session_id)).toMatchObject({
      is_current: false,
      agent: 'a phone',
      address: expect.any(String),
    });
    expect(found.filter(({ is_current }) => is_current)).toHaveLength(1);
    await as(stranger.access, 'delete', `/sessions/${other.session_id}`).expect(404);
    await isGood(other.access_token as string);
    await as(access, 'delete', `/sessions/${other.session_id}`).expect(200, { success: true });
    await isRefused(other.access_token as string);
    await isGood(access);
    expect(await list(access)).toHaveLength(1);
  });

  it('a changed password ends all of them and begins a new one', async () => {
    const { access, id, ...account } = await begin();
    const other = await login(account);
    const old = legacyToken(id);
    const change = (current_password: string, new_password: string) =>
      as(access, 'post', '/password/change', { current_password, new_password });
    await change('wrong-horse-1', 'better-horse-2').expect(403, /current password is wrong/);
    await change(PASSWORD, 'password123').expect(422, /too easy to guess/);
    await change(PASSWORD, account.username).expect(422);
    const { body } = await change(PASSWORD, 'better-horse-2').expect(200);
    await isRefused(access, old, other.access_token as string);
    await isGood(body.access_token as string);
    await post('/refresh', { refresh_token: body.refresh_token }).expect(200);
    await post('/login', { email: account.email, password: PASSWORD }).expect(401);
    await post('/login', { email: account.email, password: 'better-horse-2' }).expect(200);
  });

  it('in the cookie, let nobody do anything but what says so', async () => {
    const account = freshAccount('cookie');
    const { headers } = await post('/register', account).expect(200);
    const cookies = (headers['set-cookie'] as unknown as string[]).map((cookie) => cookie.split(';')[0]!).join('; ');
    await request(urls[0]!)
      .get('/api/v1/auth/me')
      .set('Cookie', cookies)
      .expect(403, /Not authenticated/);
    await request(urls[0]!).post('/api/v1/auth/logout').set('Cookie', cookies).expect(403);
  });
});
