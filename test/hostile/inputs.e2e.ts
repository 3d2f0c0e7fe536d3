import { Client } from 'pg';
import { pathParameters } from '@banyan/platform/contract';
import { type Route, routesOf } from '@banyan/platform/edge/paths';
import { edgeContracts } from '../../apps/server/src/domains';
import { startTestServer, type TestServer } from '../support/banyan';
import { envelope, type Person, register } from '../support/people';
import { offenceOf } from './judge';
import { type RawRequest, send } from './raw-http';
import { fieldsOf, type KnownIds, validInput } from './valid-input';
import { jsonValues, urlValues } from './values';

let server: TestServer | undefined;
let ada: Person;
/** Asks for what ends his session. */
let leaver: Person;
let ids: KnownIds;

beforeAll(async () => {
  server = await startTestServer();
  const ben = await register(server.url, 'ben');
  ada = await register(server.url, 'ada');
  leaver = await register(server.url, 'leaver');
  // Somebody who is let in everywhere, so that the input is what is judged.
  const accounts = new Client(server.environment.AUTH_DATABASE_URL);
  await accounts.connect();
  await accounts.query(`UPDATE banyan_auth.users SET role = 'admin' WHERE id = $1`, [ada.id]);
  await accounts.end();
  const { body } = await ben.post('/relay/send', envelope(ada)).expect(200);
  // His, so that it outlives her asking to delete it.
  const { body: group } = await ben.post('/groups/create?name=theirs').expect(200);
  await ben.post(`/groups/add-member/${group.group_id}?user_id=${ada.id}`).expect(200);
  await ben.put(`/groups/${group.group_id}/members/${ada.id}/role`, { role: 'admin' }).expect(200);
  ids = { id: ben.id, sender_id: ada.id, message_id: body.message_id, group_id: group.group_id };
});

afterAll(() => server?.close());

afterEach(async () => {
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  await ada.get('/auth/me').expect(200); // it still serves
});

/** What somebody would send who has `values` for some fields, already as text: JSON for a body, encoded for a URL. */
function requestOf({ operation, binding, path }: Route, values: Readonly<Record<string, string>>, omitted?: string): RawRequest {
  if (binding.upload) return uploadOf(path, binding.upload.file);
  const inPath = pathParameters(binding.path);
  const valid = validInput(operation, ids);
  const names = [...new Set([...Object.keys(valid), ...Object.keys(values)])].filter((name) => name !== omitted);
  const inUrl = (name: string) => values[name] ?? encodeURIComponent(String(valid[name]));
  const others = names.filter((name) => !inPath.includes(name));
  const target = path.replace(/\{(\w+)\}/g, (_, name: string) => inUrl(name));
  const ends = operation.session === 'ends' && fieldsOf(operation).length === 0;
  const headers = { authorization: `Bearer ${(ends ? leaver : ada).token}` };
  if (binding.argumentsIn === 'query') {
    const query = others.map((name) => `${name}=${inUrl(name)}`).join('&');
    return { method: binding.method, path: query ? `${target}?${query}` : target, headers };
  }
  const body = `{${others.map((name) => `${JSON.stringify(name)}:${values[name] ?? JSON.stringify(valid[name])}`).join()}}`;
  return { method: binding.method, path: target, headers: { ...headers, 'content-type': 'application/json' }, body };
}

function uploadOf(path: string, part: string): RawRequest {
  const file = `Content-Disposition: form-data; name="${part}"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n`;
  const headers = { authorization: `Bearer ${ada.token}`, 'content-type': 'multipart/form-data; boundary=fff' };
  return { method: 'POST', path, headers, body: `--fff\r\n${file}--fff--\r\n` };
}

/** What a client says in words; a file is none. */
const wordsOf = ({ operation, binding }: Route): string[] => (binding.upload ? [] : fieldsOf(operation));

/** Sends them, a few at a time. @returns what was wrong with which answer */
async function offences(route: Route, requests: readonly (readonly [label: string, RawRequest])[]): Promise<string[]> {
  const found: string[] = [];
  const queue = [...requests];
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { operation } = routeAt(next[1]) ?? route;
      const offence = offenceOf(await send(server!.url, next[1]), operation);
      if (offence) found.push(`${next[0]}: ${offence}`);
    }
  };
  await Promise.all(Array.from({ length: 6 }, work));
  return found;
}

/** Without its last parameter a path may be another one: `/groups/` is the list. */
function routeAt({ method, path }: RawRequest): Route | undefined {
  return served.find((route) => route.binding.method === method && route.path === path.split('?')[0]);
}

const served = routesOf(edgeContracts);
const routes = served.map((route) => [`${route.binding.method} ${route.path}`, route] as const);

describe.each(routes)('%s', (_name, route) => {
  const { operation, binding } = route;
  const inPath = pathParameters(binding.path);
  const isInUrl = (field: string) => inPath.includes(field) || binding.argumentsIn === 'query';

  it('a valid input is taken, so that what follows reaches what it is meant for', async () => {
    const answer = await send(server!.url, requestOf(route, {}));
    expect([offenceOf(answer, operation), answer.status === 422 && answer.text]).toEqual([undefined, false]);
  });

  it('each field with each value', async () => {
    const requests = wordsOf(route).flatMap((field) =>
      Object.entries(isInUrl(field) ? urlValues : jsonValues).map(
        ([label, value]) => [`${field}, ${label}`, requestOf(route, { [field]: value })] as const,
      ),
    );
    expect(await offences(route, requests)).toEqual([]);
  });

  it('each field missing, and fields that nobody knows', async () => {
    const missing = wordsOf(route)
      .filter((field) => !inPath.includes(field))
      .map((field) => [`without ${field}`, requestOf(route, {}, field)] as const);
    const unknown = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'a[b]', 'a.b', ' '].map(
      (field) =>
        [field, requestOf(route, { [field]: isInUrl(field) ? encodeURIComponent('{"polluted":true}') : '{"polluted":true}' })] as const,
    );
    expect(await offences(route, [...missing, ...unknown])).toEqual([]);
  });

  it('bodies that are none, in whatever type they claim to be', async () => {
    const { method, path, headers, body = '{}' } = requestOf(route, {});
    const bodies = [
      '',
      ' ',
      'null',
      '[]',
      '[{}]',
      '"text"',
      '7',
      'true',
      '{',
      '{"a":1,}',
      "{'a':1}",
      '\ufeff{}',
      '\0',
      '{}{}',
      'NaN',
      '{"a":1,"a":2}',
    ];
    const types = [
      'text/plain',
      'application/xml',
      'multipart/form-data',
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-16',
      'nonsense',
      '/',
      'x'.repeat(5_000),
    ];
    expect(
      await offences(route, [
        ...bodies.map(
          (text) =>
            [`the body ${text}`, { method, path, headers: { ...headers, 'content-type': 'application/json' }, body: text }] as const,
        ),
        ...types.map(
          (type) => [`the type ${type.slice(0, 50)}`, { method, path, headers: { ...headers, 'content-type': type }, body }] as const,
        ),
        ['no type', { method, path, headers: { authorization: headers!.authorization! }, body }],
        [
          'compressed, it says',
          { method, path, headers: { ...headers, 'content-encoding': 'gzip', 'content-type': 'application/json' }, body },
        ],
      ]),
    ).toEqual([]);
  });

  it('more of everything: queries, headers, paths', async () => {
    const { method, path, headers, body } = requestOf(route, {});
    const joint = path.includes('?') ? '&' : '?';
    const paths = [
      ...wordsOf(route).map((field) => `${path}${joint}${field}=1&${field}=2&${field}[]=3&${field}[a]=4`),
      `${path}${joint}%`,
      `${path}${joint}a=%ff&%00=%00&=&&`,
      `${path}${joint}__proto__[polluted]=1&__proto__=1&constructor.prototype.polluted=1`,
      `${path}${joint}${'a=1&'.repeat(3_000)}`,
      `${path}#fragment`,
      `${path}%00`,
      `${path}/..%2f..`,
      `/${path}`,
      path.replaceAll('/', '//'),
      path.replaceAll('/', '%2f'),
      path.toUpperCase(),
    ];
    const more = { 'idempotency-key': 'x'.repeat(300) };
    expect(
      await offences(route, [
        ...paths.map((target) => [target.slice(0, 100), { method, path: target, headers, body }] as const),
        ['a long key', { method, path, headers: { ...headers, ...more }, body }],
        ['a long header', { method, path, headers: { ...headers, 'x-more': 'x'.repeat(100_000) }, body }],
        [
          'many headers',
          { method, path, headers: { ...headers, ...Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`x-${i}`, 'x'])) }, body },
        ],
        ['another method', { method: 'PATCH', path, headers, body }],
        ['a method that nobody knows', { method: 'PROPFIND', path, headers }],
      ]),
    ).toEqual([]);
  });
});
