import { randomUUID } from 'node:crypto';
import request from 'supertest';
import { startTestServer, type TestServer } from '../support/banyan';
import { envelope, freshAccount, type Person, register } from '../support/people';

const ORIGIN = 'https://chat.example';

let server: TestServer | undefined;
let ada: Person;
let ben: Person;

beforeAll(async () => {
  server = await startTestServer({ environment: { CORS_ORIGINS: `${ORIGIN} http://localhost:5173` } });
  [ada, ben] = await Promise.all([register(server.url, 'ada'), register(server.url, 'ben')]);
});

afterAll(() => server?.close());

const http = () => request(server!.url);

describe('paths', () => {
  it('that exist with the other trailing slash: 307 there, query included, on this host only', async () => {
    const { headers } = await http().get('/api/v1/auth/me/?a=1&b=%20').redirects(0).expect(307);
    expect(headers.location).toBe('/api/v1/auth/me?a=1&b=%20');
    await http().post('/api/v1/relay/send/').redirects(0).expect(307).expect('Location', '/api/v1/relay/send');
    await http().get('/health/').redirects(0).expect(307).expect('Location', '/health');
    for (const path of ['//evil.example/', '/api/v1/nope/', '/\\evil.example/', '/health//'])
      await http().get(path).redirects(0).expect(404);
  });

  it('answer HEAD where legacy does, without a body', async () => {
    for (const path of ['/', '/health']) expect((await http().head(path).expect(200)).text).toBeUndefined();
    await http().head('/api/v1/auth/me').set('Authorization', `Bearer ${ada.token}`).expect(405);
  });

  it('that are unknown: 404; known by another method: 405 that names it', async () => {
    for (const path of ['/api/v1/nope', '/nope', '/api/v1', '/api/v2/auth/me', '/API/v1/auth/me'])
      expect((await http().get(path).expect(404)).body).toMatchObject({ detail: 'Not Found', code: 'not_found' });
    const { body, headers } = await http().put('/api/v1/auth/me').expect(405);
    expect(body).toMatchObject({ detail: 'Method Not Allowed', code: 'method_not_allowed' });
    expect(headers.allow).toBe('GET, DELETE');
    await http().post('/health').expect(405);
    await http().put(`/api/v1/messages/conversation/${ben.id}`).expect(405);
  });

  it('of one kind do not hide each other: search is no user id', async () => {
    await ada.get('/users/search?email=nobody').expect(200, []);
    await ada.get('/users/me/key-backup').expect(200);
  });
});

describe('who calls', () => {
  const me = (authorization?: string) => {
    const asked = http().get('/api/v1/auth/me');
    return authorization === undefined ? asked : asked.set('Authorization', authorization);
  };

  it.each([
    ['no header', undefined, 403, 'Not authenticated'],
    ['an empty one', '', 403, 'Not authenticated'],
    ['no token', 'Bearer ', 403, 'Not authenticated'],
    ['another scheme', 'Basic YTpi', 403, 'Invalid authentication credentials'],
    ['the web client without a session', 'Bearer null', 401, 'Could not validate credentials'],
    ['nonsense', 'Bearer a.b.c', 401, 'Could not validate credentials'],
  ])('%s', async (_case, header, status, detail) => {
    const { body, headers } = await me(header).expect(status);
    expect(body).toMatchObject({ detail });
    expect(headers['www-authenticate']).toBeUndefined();
  });

  it('the scheme in any case', async () => {
    for (const scheme of ['bearer', 'BEARER', 'Bearer ']) expect((await me(`${scheme} ${ada.token}`).expect(200)).body.id).toBe(ada.id);
  });

  it('is judged before the body is read', async () => {
    await http().post('/api/v1/relay/send').set('Content-Type', 'application/json').send('{broken').expect(403);
    await http().post('/api/v1/relay/send').set('Content-Type', 'application/json').send('x'.repeat(2_000_000)).expect(403);
  });
});

describe('pages of other origins', () => {
  const preflight = (origin: string) =>
    http().options('/api/v1/relay/send').set({
      Origin: origin,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization,content-type,idempotency-key',
    });

  it('that are listed may call, with credentials; the preflight answers 200 for ten minutes', async () => {
    const { headers } = await preflight(ORIGIN).expect(200);
    expect(headers).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'authorization,content-type,idempotency-key',
      'access-control-max-age': '600',
    });
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) expect(headers['access-control-allow-methods']).toContain(method);
    const answer = await ada.get('/auth/me').set('Origin', ORIGIN).expect(200);
    expect(answer.headers).toMatchObject({ 'access-control-allow-origin': ORIGIN, 'access-control-allow-credentials': 'true' });
    expect(answer.headers['access-control-expose-headers']).toMatch(/Retry-After.*Idempotency-Key/);
    expect(answer.headers.vary).toMatch(/origin/i);
  });

  it('may read errors too, or people would be told nothing', async () => {
    for (const asked of [http().get('/api/v1/auth/me'), http().get('/api/v1/nope'), http().post('/api/v1/auth/login').send({})]) {
      const { status, headers } = await asked.set('Origin', ORIGIN);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(headers['access-control-allow-origin']).toBe(ORIGIN);
    }
  });

  it.each([
    'https://evil.example',
    'http://chat.example',
    'https://chat.example:8443',
    'https://chat.example.evil.example',
    'https://sub.chat.example',
    'null',
  ])('that are not listed may not: %s', async (origin) => {
    for (const asked of [preflight(origin), ada.get('/auth/me').set('Origin', origin)])
      expect((await asked).headers['access-control-allow-origin']).not.toBe(origin);
  });
});

describe('bodies', () => {
  it('that are empty although they are announced as JSON, as the web client sends them', async () => {
    const { body } = await ada.post('/relay/send', envelope(ben)).expect(200);
    await ada.post('/relay/cleanup').set('Content-Type', 'application/json').send('').expect(200);
    await ada.delete(`/messages/${body.message_id}`).set('Content-Type', 'application/json').send('').expect(200);
    await ada.put('/auth/public-key').set('Content-Type', 'application/json').expect(400); // said by the operation: no key
  });

  it('with keys that nobody knows are taken without them', async () => {
    await http()
      .post('/api/v1/auth/register')
      .send({ ...freshAccount(), role: 'admin', is_verified: true, id: randomUUID() })
      .expect(200)
      .expect(({ body }) => expect(body.user.role).toBe('user'));
  });

  it('that are too large: 413, and the next request is served', async () => {
    const { body } = await ada.post('/relay/send', envelope(ben, 'x'.repeat(1_100_000))).expect(413);
    expect(body).toMatchObject({ detail: 'The request is too large', code: 'body_too_large' });
    await ada.get('/auth/me').expect(200);
  });

  it('that are nested too deeply, or no JSON: 422 in words', async () => {
    const deep = `{"signatures":${'['.repeat(40)}${']'.repeat(40)}}`;
    for (const [text, words] of [
      [deep, /nested/],
      ['['.repeat(500_000), /nested/],
      ['{"a":', /JSON/],
      ['[1]', /object/],
      ['"text"', /object/],
    ] as const) {
      const { body } = await ada.post('/relay/send').set('Content-Type', 'application/json').send(text).expect(422);
      expect(body.detail).toMatch(words);
    }
  });

  it('whose faults are all told at once, in words and as a list, secrets hidden', async () => {
    const { body } = await http().post('/api/v1/auth/register').send({ email: 'nobody', username: 'ab', password: 'secret7' }).expect(422);
    expect(body.code).toBe('invalid_input');
    for (const field of ['email', 'username', 'password']) expect(body.detail).toContain(field);
    expect(body.errors.map(({ type, loc }: { type: string; loc: string[] }) => [type, ...loc])).toEqual([
      ['value_error', 'body', 'email'],
      ['string_too_short', 'body', 'username'],
      ['string_too_short', 'body', 'password'],
    ]);
    expect(JSON.stringify(body)).not.toContain('secret7');
  });
});

describe('errors', () => {
  it('carry the trace of the request, or one of their own', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const failed = (traceparent: string) => http().get('/api/v1/auth/me').set('traceparent', traceparent);
    expect((await failed(`00-${traceId}-00f067aa0ba902b7-01`)).body.trace_id).toBe(traceId);
    for (const wrong of [`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, 'nonsense', `ff-${traceId}-00f067aa0ba902b7-01`]) {
      const { body } = await failed(wrong);
      expect(body.trace_id).toMatch(/^[0-9a-f]{32}$/);
      expect(body.trace_id).not.toBe(traceId);
    }
  });

  it('of an Idempotency-Key that is none: 422', async () => {
    for (const key of ['x'.repeat(201), 'a b', 'ü'])
      await ada
        .post('/relay/send', envelope(ben))
        .set('Idempotency-Key', Buffer.from(key).toString('latin1'))
        .expect(422)
        .expect(({ body }) => expect(body.detail).toContain('Idempotency-Key'));
  });
});
