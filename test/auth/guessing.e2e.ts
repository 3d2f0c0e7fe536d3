import request from 'supertest';
import { startTestServer, type TestServer } from '../support/banyan';
import { domainNames } from '@banyan/domains';
import { Deployment } from '../support/deployment';
import { startOnLegacy } from '../support/legacy-server';
import { freshAccount, PASSWORD } from '../support/people';
import { RedisServer } from '../support/redis-server';

jest.setTimeout(180_000); // hashes are slow by design, and the legacy ones slower

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

interface Place {
  readonly url: string;
  close(): Promise<void>;
}

/** Windows of an hour, so that no test sees one end; a flood of requests is another thing than guesses. */
const LIMITS = 'address=1000000/1h login=1000000/1h register=1000000/1h guess=10/1h spray=50/1h';
const SIEGE = 100;
const environment = (more: Record<string, string> = {}) => ({
  RATE_LIMITS: `${LIMITS} siege=${SIEGE}/1h`,
  TRUSTED_PROXIES: 'loopback',
  REDIS_URL: redis.url,
  ...more,
});

async function inOneProcess(): Promise<Place> {
  const server: TestServer = await startTestServer({ environment: environment() });
  return { url: server.url, close: () => server.close() };
}

async function inServices(): Promise<Place> {
  const each = <T>(value: T) => Object.fromEntries(domainNames.map((domain) => [domain, value]));
  const deployment = await Deployment.start({ remote: each(1), workers: each(1), environment: environment() });
  return { url: deployment.url, close: () => deployment.remove() };
}

/** Where a hash takes bcrypt's time, fewer failures are a siege. */
const BCRYPT_SIEGE = 20;
const inLegacyData = () => startOnLegacy('text', { environment: environment({ RATE_LIMITS: `${LIMITS} siege=${BCRYPT_SIEGE}/1h` }) });

describe.each<[string, () => Promise<Place>, { many: number; zone: number; siege: number }]>([
  ['in one process', inOneProcess, { many: 1_000, zone: 1, siege: SIEGE }],
  ['in services', inServices, { many: 300, zone: 2, siege: SIEGE }],
  ['on the legacy database', inLegacyData, { many: 200, zone: 3, siege: BCRYPT_SIEGE }],
])('guessing passwords, %s', (_name, start, { many, zone, siege }) => {
  let place: Place;
  beforeAll(async () => {
    place = await start();
  });
  afterAll(() => place?.close());

  let lastNetwork = 0;
  const freshNetwork = () => `10.${zone}.${(++lastNetwork >> 8) & 255}.${lastNetwork & 255}`;
  const login = (email: string, password: string, from: string, cookie = '') =>
    request(place.url).post('/api/v1/auth/login').set('X-Forwarded-For', from).set('Cookie', cookie).send({ email, password });
  const begin = async (from: string) => {
    const account = freshAccount('victim');
    const { headers } = await request(place.url).post('/api/v1/auth/register').set('X-Forwarded-For', from).send(account).expect(200);
    const device = (headers['set-cookie'] as unknown as string[]).find((cookie) => cookie.startsWith('banyan_device='))!.split(';')[0]!;
    return { ...account, device };
  };
  /** The statuses of so many attempts, a few at a time. */
  const attempts = async (count: number, attempt: (i: number) => request.Test) => {
    const seen: Record<number, number> = {};
    let next = 0;
    const work = async () => {
      while (next < count) {
        const i = next++;
        let { status } = await attempt(i);
        while (status === 503) ({ status } = await attempt(i)); // this machine has enough to hash
        seen[status] = (seen[status] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    return seen;
  };

  it('1,000 failures at an account do not stop its owner: at home, on his device, or anywhere else', async () => {
    const home = freshNetwork();
    const victim = await begin(home);
    const seen = await attempts(many, (i) => login(victim.email, `guess-${i}-x`, `172.16.${zone}.${i % (many / 10)}`));
    expect(seen[200]).toBeUndefined();
    expect((seen[401] ?? 0) + (seen[429] ?? 0)).toBe(many);
    expect(seen[429]).toBeGreaterThan(many / 10);
    await login(victim.email, PASSWORD, home).expect(200);
    await login(victim.email, PASSWORD, `172.16.${zone}.7`, victim.device).expect(200); // from the attacker's own network
    await login(victim.email, PASSWORD, freshNetwork()).expect(200); // a new phone, abroad
  });

  it('under attack a stranger may mistype once, who is at home ten times', async () => {
    const home = freshNetwork();
    const victim = await begin(home);
    for (let i = 0; i < siege + 10; i += 10) {
      const from = freshNetwork();
      await attempts(10, (n) => login(victim.email, `guess-${i + n}-x`, from));
    }
    const stranger = freshNetwork();
    const refused = async (from: string, cookie = '') => (await login(victim.email, 'wrong-horse-1', from, cookie)).status;
    expect([await refused(stranger), await refused(stranger), await refused(stranger)]).toEqual([401, 401, 429]);
    expect([await refused(home), await refused(home), await refused(home), await refused(home)]).toEqual([401, 401, 401, 401]);
    await login(victim.email, PASSWORD, home).expect(200);
  });

  it('one password over many accounts is slowed, also where a network has more addresses than it can use', async () => {
    const emails = Array.from({ length: many }, () => freshAccount('sprayed').email);
    const seen = await attempts(many, (i) => login(emails[i]!, 'summer-rain-2026', `2001:db8:${zone}:2::${(i + 1).toString(16)}`));
    expect(seen[401]).toBeLessThanOrEqual(60);
    expect(seen[429]).toBe(many - seen[401]!);
    const { headers } = await login(emails[0]!, 'x'.repeat(9), `2001:db8:${zone}:2:ffff::1`).expect(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    await login(emails[0]!, 'summer-rain-2026', `2001:db8:${zone}:3::1`).expect(401); // the neighbours go on
  });

  it('an account and its absence get the same answers, refusals included', async () => {
    const victim = await begin(freshNetwork());
    const nobody = freshAccount('nobody').email;
    const answers = async (email: string, from: string) => {
      const seen: unknown[] = [];
      for (let i = 0; i < 12; i++) {
        const { status, body, headers } = await login(email, 'wrong-horse-1', from);
        const { trace_id: _, ...rest } = body as Record<string, unknown>;
        seen.push([status, rest, headers['retry-after'], headers['set-cookie']]);
      }
      return seen;
    };
    expect(await answers(nobody, freshNetwork())).toEqual(await answers(victim.email, freshNetwork()));
  });

  it('who knows his password is not counted, however often he signs in', async () => {
    const home = freshNetwork();
    const victim = await begin(home);
    expect(await attempts(30, () => login(victim.email, PASSWORD, home))).toEqual({ 200: 30 });
    await attempts(9, () => login(victim.email, 'wrong-horse-1', home));
    await login(victim.email, PASSWORD, home).expect(200);
  });
});

it('with Redis away guesses are counted all the same', async () => {
  const server = await startTestServer({ environment: environment() });
  try {
    const account = freshAccount('alone');
    await request(server.url).post('/api/v1/auth/register').send(account).expect(200);
    await redis.kill();
    const login = (password: string, from: string) =>
      request(server.url).post('/api/v1/auth/login').set('X-Forwarded-For', from).send({ email: account.email, password });
    for (let i = 0; i < 10; i++) await login('wrong-horse-1', '198.51.100.9').expect(401);
    await login(PASSWORD, '198.51.100.9').expect(429);
    await login(PASSWORD, '198.51.100.10').expect(200);
  } finally {
    await redis.startAgain();
    await server.close();
  }
});
