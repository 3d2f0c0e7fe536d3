import { freshEnvironment, startTestServer, type TestServer } from '../support/banyan';
import { envelope, register } from '../support/people';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';

let server: TestServer | undefined;
let database: TcpProxy;

beforeAll(async () => {
  const environment = freshEnvironment();
  database = await startTcpProxy(environment.MESSAGE_DATABASE_URL!);
  server = await startTestServer({
    environment: { ...environment, MESSAGE_DATABASE_URL: database.through(environment.MESSAGE_DATABASE_URL!) },
  });
});

afterAll(async () => {
  await database.stop();
  await database.start();
  await server?.close();
  await database.close();
});

it('a database is away: 503 with Retry-After and the key to repeat with, and nothing is done twice', async () => {
  const [ada, ben] = await Promise.all([register(server!.url, 'ada'), register(server!.url, 'ben')]);
  await ada.post('/relay/send', envelope(ben, 'before')).expect(200);

  await database.stop();
  const draft = envelope(ben, 'meanwhile');
  const refused = await ada.post('/relay/send', draft).expect(503);
  expect(refused.body).toMatchObject({ code: 'unavailable', detail: expect.any(String), trace_id: expect.any(String) });
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  const key = refused.headers['idempotency-key']!;
  expect(key).toBeTruthy();
  await ada.get('/auth/me').expect(200); // who needs another database is served
  await ada.post('/relay/send', draft).set('Idempotency-Key', 'my-own').expect(503).expect('Idempotency-Key', 'my-own');

  await database.start();
  const sent = await ada.post('/relay/send', draft).set('Idempotency-Key', key).expect(200);
  await ada
    .post('/relay/send', draft)
    .set('Idempotency-Key', key)
    .expect(200, sent.body as object);
  const { body } = await ben.get('/relay/pending').expect(200);
  expect(body.messages.map((message: { encrypted_content: string }) => message.encrypted_content)).toEqual(['before', 'meanwhile']);
});
