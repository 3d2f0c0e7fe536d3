import request from 'supertest';
import { startTestServer, type TestServer } from '../support/banyan';
import { freshAccount, register, signIn } from '../support/people';

let server: TestServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** Windows of an hour, so that no test sees one end. */
const start = (limits: string, environment: Record<string, string> = {}, redis = false) =>
  startTestServer({ redis, environment: { RATE_LIMITS: limits, ...environment } });

const statuses = async (count: number, ask: (i: number) => request.Test) => {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await ask(i)).status);
  return seen;
};

it('too many requests from an address: 429 that says when to come back', async () => {
  server = await start('address=3/1h');
  const ask = () => request(server!.url).get('/health');
  expect(await statuses(4, ask)).toEqual([200, 200, 200, 429]);
  const { body, headers } = await ask();
  expect(body).toMatchObject({ code: 'too_many_requests', detail: expect.any(String) });
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  expect(Number(headers['retry-after'])).toBeLessThanOrEqual(3_600);
});

it('too many requests of a user, from whatever device; others are served', async () => {
  server = await start('user=3/1h');
  const ada = await register(server.url, 'ada');
  const ben = await register(server.url, 'ben');
  const again = await signIn(server.url, ada);
  expect(await statuses(4, (i) => (i % 2 ? ada : again).get('/auth/me'))).toEqual([200, 200, 200, 429]);
  await ben.get('/auth/me').expect(200);
});

it.each([false, true])('guessing passwords (Redis: %s): the right one is not taken any more either', async (redis) => {
  // Registrations are not counted as guesses. The address is one that other tests do not count in the same Redis.
  server = await start('login=3/1h', { TRUSTED_PROXIES: 'loopback' }, redis);
  const network = `2001:db8:${Math.floor(Math.random() * 0xffff).toString(16)}:${(process.pid & 0xffff).toString(16)}`;
  const address = `${network}::1`;
  const { email, password, username } = freshAccount('guessed');
  await request(server.url).post('/api/v1/auth/register').send({ email, password, username }).expect(200);
  const login = (given: string, from = address) =>
    request(server!.url).post('/api/v1/auth/login').set('X-Forwarded-For', from).send({ email, password: given });
  expect(await statuses(3, () => login('wrong-horse-1'))).toEqual([401, 401, 401]);
  await login(password).expect(429).expect('Retry-After', /^\d+$/);
  await login(password, `${network}::2`).expect(429); // whoever has the one address has the other
  await login(password, address.replace('2001:db8', '2001:db9')).expect(200);
});

it('registrations and mails asked for count by network: an IPv6 one has more addresses than anybody can use', async () => {
  server = await start('register=2/1h mail=2/1h', { TRUSTED_PROXIES: 'loopback' });
  const ask = (path: string, from: string) =>
    request(server!.url).post(`/api/v1/auth/${path}`).set('X-Forwarded-For', from).send(freshAccount('many'));
  for (const path of ['register', 'password/forgot', 'email/resend']) {
    const seen = await statuses(3, (i) => ask(path, `2001:db8:${path.length.toString(16)}:1::${i + 1}`));
    expect([path, ...seen]).toEqual([path, 200, 200, 429]);
    await ask(path, `2001:db8:${path.length.toString(16)}:2::1`).expect(200);
  }
});

describe('X-Forwarded-For', () => {
  const from = (addresses: string) => request(server!.url).get('/health').set('X-Forwarded-For', addresses);

  it('is not believed from just anybody: the flood counts as one', async () => {
    server = await start('address=3/1h');
    expect(await statuses(4, (i) => from(`192.0.2.${i}`))).toEqual([200, 200, 200, 429]);
  });

  it('is believed from a trusted proxy: each client has his own count', async () => {
    server = await start('address=3/1h', { TRUSTED_PROXIES: 'loopback' });
    expect(await statuses(4, (i) => from(`192.0.2.${i}`))).toEqual([200, 200, 200, 200]);
    expect(await statuses(4, () => from('198.51.100.7'))).toEqual([200, 200, 200, 429]);
    // Whoever has one address of an IPv6 network has all of them.
    expect(await statuses(4, (i) => from(`2001:db8:7:7::${i + 1}`))).toEqual([200, 200, 200, 429]);
    await from('2001:db8:7:8::1').expect(200);
    // What a client writes himself stands left of what the proxy adds.
    expect(await statuses(4, (i) => from(`192.0.2.${100 + i}, 203.0.113.9`))).toEqual([200, 200, 200, 429]);
  });
});
