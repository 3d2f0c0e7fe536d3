import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { decode, sign } from 'jsonwebtoken';
import { Client } from 'pg';
import { routesOf } from '@banyan/platform/edge/paths';
import { edgeContracts } from '../../apps/server/src/domains';
import { startTestServer, TEST_SECRET, type TestServer } from '../support/banyan';
import { type Person, register } from '../support/people';
import { offenceOf } from './judge';
import { send } from './raw-http';

let server: TestServer | undefined;
let ada: Person;
let locked: Person;

beforeAll(async () => {
  server = await startTestServer();
  [ada, locked] = await Promise.all([register(server.url, 'ada'), register(server.url, 'locked')]);
  const accounts = new Client(server.environment.AUTH_DATABASE_URL);
  await accounts.connect();
  await accounts.query('UPDATE banyan_auth.users SET is_active = false WHERE id = $1', [locked.id]);
  await accounts.end();
});

afterAll(() => server?.close());

const inAnHour = () => Math.floor(Date.now() / 1000) + 3_600;
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const part = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token with whatever header and payload, signed with the server's own key all the same. */
function signed(header: unknown, payload: unknown, key: string = TEST_SECRET, hash = 'sha256'): string {
  const content = `${part(header)}.${part(payload)}`;
  return `${content}.${createHmac(hash, key).update(content).digest('base64url')}`;
}

const HS256 = { alg: 'HS256', typ: 'JWT' };
const good = () => ({ sub: ada.id, exp: inAnHour() });

const notBelieved: Readonly<Record<string, () => string>> = {
  expired: () => sign({ sub: ada.id, exp: inAnHour() - 7_200 }, TEST_SECRET),
  'expired this second': () => sign({ sub: ada.id, exp: inAnHour() - 3_600 }, TEST_SECRET),
  'not good yet': () => sign({ ...good(), nbf: inAnHour() }, TEST_SECRET),
  'without a signature': () => ada.token.replace(/[^.]*$/, ''),
  'of two parts': () => ada.token.replace(/\.[^.]*$/, ''),
  'of four parts': () => `${ada.token}.e30`,
  'with a bit of the signature turned': () => ada.token.replace(/.(?=[^.]{5}$)/, (letter) => (letter === 'A' ? 'B' : 'A')),
  'with another payload under a good signature': () => ada.token.replace(/\.[^.]*\./, `.${part({ sub: randomUUID(), exp: inAnHour() })}.`),
  'unsigned, it says': () => `${part({ alg: 'none', typ: 'JWT' })}.${part(good())}.`,
  'unsigned, it says differently': () => `${part({ alg: 'NoNe', typ: 'JWT' })}.${part(good())}.`,
  'unsigned, with a signature': () => signed({ alg: 'none', typ: 'JWT' }, good()),
  'of another key': () => sign(good(), 'another-key-0123456789abcdefghijklmnopqr'),
  'of an empty key': () => signed(HS256, good(), ''),
  'of another algorithm': () => sign(good(), TEST_SECRET, { algorithm: 'HS512' }),
  'of another algorithm than it says': () => signed(HS256, good(), TEST_SECRET, 'sha512'),
  'signed with a private key of somebody': () => sign(good(), privateKey, { algorithm: 'RS256' }),
  'RS256, it says, and is HMAC': () => signed({ alg: 'RS256', typ: 'JWT' }, good()),
  'without an algorithm': () => signed({ typ: 'JWT' }, good()),
  'that brings its own key': () => signed({ alg: 'HS256', jwk: { kty: 'oct', k: part('mine') } }, good(), 'mine'),
  'that says where its key is': () => signed({ alg: 'HS256', jku: 'http://127.0.0.1:9/jwks.json' }, good(), 'mine'),
  'that brings a certificate': () => signed({ alg: 'HS256', x5c: [part('mine')], x5u: 'http://127.0.0.1:9/' }, good(), 'mine'),
  'whose key has a name in Unicode': () => signed({ ...HS256, kid: '\u202e\u0000🗝' }, good()),
  'whose key has a name of six kilobytes': () => signed({ ...HS256, kid: 'k'.repeat(6_000) }, good()),
  'whose key has a name of JavaScript': () => signed({ ...HS256, kid: '__proto__' }, good()),
  'whose session is no id': () => signed(HS256, { ...good(), sid: '../..' }),
  'whose session was never begun': () => signed(HS256, { ...good(), sid: randomUUID() }),
  'that points at a file for its key': () => signed({ alg: 'HS256', kid: '../../../../dev/null' }, good(), ''),
  'with a critical extension that nobody knows': () => signed({ alg: 'HS256', crit: ['b64'], b64: false }, good(), 'another'),
  'without a sub': () => signed(HS256, { exp: inAnHour() }),
  'whose sub is no id': () => signed(HS256, { ...good(), sub: 'root' }),
  'whose sub is a number': () => signed(HS256, { ...good(), sub: 1 }),
  'whose sub is a list': () => signed(HS256, { ...good(), sub: [ada.id] }),
  'whose sub ends in a NUL': () => signed(HS256, { ...good(), sub: `${ada.id}\0` }),
  'without an exp': () => signed(HS256, { sub: ada.id }),
  'whose exp is a text': () => signed(HS256, { sub: ada.id, exp: String(inAnHour()) }),
  'whose exp is null': () => signed(HS256, { sub: ada.id, exp: null }),
  'whose exp is beyond all numbers': () => signed(HS256, `{"sub":"${ada.id}","exp":1e999}`),
  'whose payload is a list': () => signed(HS256, []),
  'whose payload is null': () => signed(HS256, 'null'),
  'whose payload is no JSON': () => signed(HS256, '{"sub":'),
  'whose header is no JSON': () => signed('{', good()),
  'of nothing but dots': () => '..',
  'of base64 with padding': () => ada.token.replace('.', '=.'),
  'of ten kilobytes': () => signed(HS256, { ...good(), sub: 'x'.repeat(10_000) }),
  'of ten kilobytes of anything': () => 'x'.repeat(10_000),
  'of the web client without a session': () => 'null',
  twice: () => `${ada.token},${ada.token}`,
  'with another scheme inside': () => `Bearer ${ada.token}`,
  'with a blank inside': () => ada.token.replace('.', ' .'),
  'of somebody who is locked': () => locked.token,
};

async function ask(token: string, { method = 'GET', path = '/api/v1/auth/me' } = {}) {
  const answer = await send(server!.url, { method, path, headers: { authorization: `Bearer ${token}` } });
  return { answer, body: JSON.parse(answer.text) as { detail?: string } };
}

it('a good token is good', async () => {
  expect((await ask(ada.token)).answer.status).toBe(200);
  expect((await ask(signed(HS256, good()))).answer.status).toBe(200); // so that each of the others is refused for what is said of it
  expect(decode(ada.token, { complete: true })).toMatchObject({ header: HS256, payload: { sub: ada.id, exp: expect.any(Number) } });
});

it.each(Object.entries(notBelieved))('a token %s is not believed', async (_what, make) => {
  const { answer, body } = await ask(make());
  expect([offenceOf(answer), answer.status, body.detail]).toEqual([undefined, 401, 'Could not validate credentials']);
  expect(answer.headers['www-authenticate']).toBeUndefined();
});

it('they are more than thirty, none of them the same as another', () => {
  const tokens = Object.values(notBelieved).map((make) => make());
  expect(new Set(tokens).size).toBe(tokens.length);
  expect(tokens.length).toBeGreaterThan(30);
});

it('a good token of nobody: 401', async () => {
  const { answer, body } = await ask(sign({ sub: randomUUID(), exp: inAnHour() }, TEST_SECRET));
  expect([answer.status, body.detail]).toEqual([401, 'User not found']);
});

it.each(
  routesOf(edgeContracts)
    .filter(({ operation: { access } }) => access !== 'public' && access !== 'optional')
    .map((route) => [`${route.binding.method} ${route.path}`, route] as const),
)('%s lets nobody in', async (_name, { binding: { method }, path }) => {
  const target = { method, path: path.replace(/\{\w+\}/g, ada.id) };
  for (const make of [
    () => 'null',
    notBelieved.expired!,
    notBelieved['unsigned, it says']!,
    notBelieved['of another key']!,
    () => locked.token,
  ]) {
    expect((await ask(make(), target)).answer.status).toBe(401);
  }
  const { status, text } = await send(server!.url, target);
  expect([status, (JSON.parse(text) as { detail: string }).detail]).toEqual([403, 'Not authenticated']);
});
