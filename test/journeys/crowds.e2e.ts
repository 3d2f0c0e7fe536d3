import { setTimeout as pause } from 'node:timers/promises';
import request from 'supertest';
import { startTestServer, type TestServer } from '../support/banyan';
import { envelope, freshAccount, register } from '../support/people';

let server: TestServer | undefined;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server?.close());

const times = <T>(count: number, work: (i: number) => Promise<T>) => Promise.all(Array.from({ length: count }, (_, i) => work(i)));
const tally = (statuses: readonly number[]) =>
  statuses.reduce<Record<number, number>>((counts, status) => ({ ...counts, [status]: (counts[status] ?? 0) + 1 }), {});

/** As a client does that is told when to come again: so many passwords at once are more than a slow machine hashes in time. */
async function registering(account: object) {
  for (;;) {
    const answer = await request(server!.url).post('/api/v1/auth/register').send(account);
    if (answer.status !== 503) return answer;
    await pause(Number(answer.headers['retry-after']) * 1_000);
  }
}

it('200 people who register one address at once: one gets it', async () => {
  const { email } = freshAccount('crowd');
  const answers = await times(200, (i) => registering({ ...freshAccount(`crowd${i}`), email }));
  expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 1, 400: 199 });
  for (const { status, body } of answers) if (status === 400) expect(body.detail).toBe('User with this email or username already exists');
});

it('one name is given once, too', async () => {
  const { username } = freshAccount('name');
  const answers = await times(20, () => registering({ ...freshAccount(), username }));
  expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 1, 400: 19 });
});

describe.each(['/relay/send', '/messages/send'])('POST %s under one Idempotency-Key', (path) => {
  it('50 at once: one message and one answer', async () => {
    const [ada, ben] = await Promise.all([register(server!.url, 'ada'), register(server!.url, 'ben')]);
    const draft = { ...envelope(ben), sender_id: ada.id };
    const answers = await times(50, () => ada.post(path, draft).set('Idempotency-Key', 'only-once'));
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 50 });
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect((await ben.get(`/messages/conversation/${ada.id}`)).body).toHaveLength(1);
    expect((await ben.get('/relay/pending')).body.count).toBe(path === '/relay/send' ? 1 : 0);

    // A second message is another key; the key of another person is another key as well.
    await ada.post(path, draft).set('Idempotency-Key', 'another').expect(200);
    await ben
      .post(path, { ...envelope(ada), sender_id: ben.id })
      .set('Idempotency-Key', 'only-once')
      .expect(200);
    expect((await ben.get(`/messages/conversation/${ada.id}`)).body).toHaveLength(3);
  });

  it('another body is refused, and changes nothing', async () => {
    const [ada, ben] = await Promise.all([register(server!.url, 'ada'), register(server!.url, 'ben')]);
    await ada
      .post(path, { ...envelope(ben, 'first'), sender_id: ada.id })
      .set('Idempotency-Key', 'k')
      .expect(200);
    const { body } = await ada
      .post(path, { ...envelope(ben, 'second'), sender_id: ada.id })
      .set('Idempotency-Key', 'k')
      .expect(422);
    expect(body).toMatchObject({ code: 'idempotency_key_reused', detail: expect.any(String) });
    expect((await ada.get(`/messages/conversation/${ben.id}`)).body).toMatchObject([{ encrypted_content: 'first' }]);
  });
});

it('a registration whose answer was lost gives the same account again, to nobody without the password', async () => {
  const account = freshAccount('lost');
  const post = (body: object) => request(server!.url).post('/api/v1/auth/register').set('Idempotency-Key', 'lost-answer').send(body);
  const first = await post(account).expect(200);
  const second = await post(account).expect(200);
  expect(second.body.user).toEqual(first.body.user);
  await post({ ...account, password: 'another-horse-2' }).expect(400);
});
