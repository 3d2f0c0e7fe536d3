import { Client } from 'pg';
import request from 'supertest';
import { required, startTestServer, type TestServer } from '../support/banyan';
import { envelope, freshAccount, register } from '../support/people';
import { RedisServer } from '../support/redis-server';
import { until } from '../support/until';

let server: TestServer | undefined;
let admin: Client;
let redis: RedisServer;

beforeAll(async () => {
  admin = new Client(required('TEST_DATABASE_URL'));
  await admin.connect();
  redis = await RedisServer.start();
});
afterAll(async () => {
  await admin.end();
  await server?.close();
  await redis.stop();
});

/** Nobody gets to the database of auth any more, and who was there is thrown out; or everybody again. */
async function allow(isAllowed: boolean): Promise<void> {
  const name = new URL(server!.environment.AUTH_DATABASE_URL!).pathname.slice(1);
  await admin.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS ${isAllowed}`);
  if (!isAllowed) await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
}

it('without auth others go on for whom it has vouched; who signs in is told when to come again; it comes back by itself', async () => {
  server = await startTestServer({ environment: { REDIS_URL: redis.url } });
  const { url } = server;
  const [ada, ben] = [await register(url, 'ada'), await register(url, 'ben')];
  for (const person of [ada, ben]) await person.get('/relay/pending').expect(200);
  const out = await register(url, 'out');
  await out.get('/auth/me').expect(200);
  await out.post('/auth/logout').expect(200);

  await allow(false);
  const text = 'while auth is away';
  for (let i = 0; i < 3; i++) {
    await ada.post('/relay/send', envelope(ben, text + i)).expect(200);
    expect((await ben.get('/relay/pending').expect(200)).body.count).toBe(i + 1);
    await new Promise((resolve) => setTimeout(resolve, 1_100)); // what is believed without a look has had its time
  }
  // Nothing vouches for the answers that were remembered any more: they are the last known ones.
  await redis.kill();
  await redis.startAgain({ wiped: true });
  await until(async () => (await ada.get('/relay/pending')).status === 200);
  await ada.post('/relay/send', envelope(ben, text)).expect(200);
  expect([401, 503]).toContain((await out.get('/relay/pending')).status); // never 200
  await ada.post('/admin/token-keys/rotate').expect(503); // rights beyond everybody's have to be certain
  const account = freshAccount('late');
  for (const path of ['/login', '/register'])
    await request(url).post(`/api/v1/auth${path}`).send(account).expect(503).expect('Retry-After', /^\d+$/);

  await allow(true);
  await until(async () => (await request(url).post('/api/v1/auth/register').send(account)).status === 200);
  await until(async () => (await request(url).post('/api/v1/auth/login').send(account)).status === 200);
  await out.get('/relay/pending').expect(401);
});
