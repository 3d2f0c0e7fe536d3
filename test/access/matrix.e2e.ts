import { pathParameters } from '@banyan/platform/contract';
import { API_PREFIX } from '@banyan/platform/edge/paths';
import type { HttpBinding, Operation } from '@banyan/platform/contract';
import request from 'supertest';
import { edgeContracts } from '../../apps/server/src/domains';
import { startTestServer, type TestServer } from '../support/banyan';
import type { Person } from '../support/people';
import { type Caller, callers, Cast } from './cast';
import { type Outcome, type Row, rows } from './rows';

/** Every operation and every kind of caller, from the contracts. An operation that nobody has thought about fails here. */
const operations = edgeContracts.flatMap((contract) => Object.values(contract.operations));

let server: TestServer | undefined;
let cast: Cast;

beforeAll(async () => {
  server = await startTestServer();
  cast = await Cast.assemble(server);
});

afterAll(async () => {
  await cast?.close();
  await server?.close();
});

it('every operation has its row, and every row its operation', () => {
  expect(Object.keys(rows).sort()).toEqual(operations.map(({ name }) => name).sort());
});

const routed = operations.filter(({ name }) => typeof rows[name] === 'object');

it('what is for other domains has no route', () => {
  const others = operations.filter((operation) => !routed.includes(operation));
  expect(others.filter(({ http }) => http.length > 0).map(({ name }) => name)).toEqual([]);
  expect(routed.filter(({ http }) => http.length === 0).map(({ name }) => name)).toEqual([]);
});

const NOBODY: Partial<Record<Caller, Outcome>> = {
  anonymous: 'not_authenticated',
  removed: 'caller_not_found',
  ended: 'invalid_token',
};

function expected({ access, refusal }: Operation, { get }: Row, caller: Caller): Outcome {
  if (access === 'user' || access === 'admin') {
    const refused = NOBODY[caller];
    if (refused) return refused;
  }
  if (access === 'admin' && caller !== 'admin') return refusal?.code ?? 'admins_only';
  return typeof get === 'string' ? get : (get[caller] ?? get.others);
}

async function send(binding: HttpBinding, asked: Readonly<Record<string, unknown>>, me: Person | undefined) {
  const inPath = pathParameters(binding.path);
  const path = binding.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(asked[name])));
  const rest = Object.fromEntries(Object.entries(asked).filter(([name]) => !inPath.includes(name)));
  const method = binding.method.toLowerCase() as 'get' | 'post' | 'put' | 'patch' | 'delete';
  const test = request(cast.url)[method](`${API_PREFIX}${path}`);
  if (me) test.set('Authorization', `Bearer ${me.token}`);
  return binding.argumentsIn === 'query' ? test.query(rest) : test.send(rest);
}

async function outcome(row: Row, binding: HttpBinding, caller: Caller): Promise<Outcome> {
  const me = row.usesUp && caller !== 'anonymous' ? await cast.another(caller) : cast.get(caller);
  const asked = (await row.ask(cast, me)) as Record<string, string>;
  const { status, body, text } = await send(binding, asked, me);
  if (status >= 400) return (body as { code: string }).code;
  return row.about && !text.includes(row.about(cast, asked)) ? 'nothing' : 'ok';
}

describe.each(
  routed.flatMap((operation) =>
    operation.http.map((binding) => [operation.name, `${binding.method} ${binding.path}`, operation, binding] as const),
  ),
)('%s (%s)', (name, _path, operation, binding) => {
  it('gives each caller what is his', async () => {
    const row = rows[name] as Row;
    const seen: Partial<Record<Caller, Outcome>> = {};
    for (const caller of callers) seen[caller] = await outcome(row, binding, caller);
    expect(seen).toEqual(Object.fromEntries(callers.map((caller) => [caller, expected(operation, row, caller)])));
  });
});
