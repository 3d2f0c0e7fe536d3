import { fastify, type FastifyInstance } from 'fastify';
import { DomainError, MAX_JSON_DEPTH } from '../contract';
import type { Fault } from '../dispatch/faults';
import { acceptJsonBodies } from './body';

let server: FastifyInstance;

beforeAll(() => {
  server = fastify();
  acceptJsonBodies(server);
  server.setErrorHandler((error, _request, reply) => {
    const { status, extra } = error as DomainError;
    return reply.code(status ?? 500).send(extra);
  });
  server.post('/', async ({ body }) => ({ body, isThere: body !== undefined }));
  server.delete('/', async ({ body }) => ({ body, isThere: body !== undefined }));
});

afterAll(() => server.close());

async function read(
  payload: string | undefined,
  { method = 'POST', type = 'application/json' }: { method?: 'POST' | 'DELETE'; type?: string } = {},
) {
  const answer = await server.inject({ method, url: '/', payload, headers: { 'content-type': type } });
  return { status: answer.statusCode, ...(answer.json() as { body?: unknown; isThere?: boolean; errors?: Fault[] }) };
}

it('takes JSON of any kind, also with a charset', async () => {
  expect((await read('{"a":[1,"ü"]}')).body).toEqual({ a: [1, 'ü'] });
  expect((await read(' [1] ', { type: 'application/json; charset=utf-8' })).body).toEqual([1]);
  expect((await read('null')).body).toBeNull();
});

it('takes nothing for nothing, on POST and DELETE', async () => {
  for (const payload of ['', ' \r\n', undefined])
    for (const method of ['POST', 'DELETE'] as const)
      expect(await read(payload, { method })).toMatchObject({ status: 200, isThere: false });
});

it('says where JSON breaks', async () => {
  const where = async (payload: string) => (await read(payload)).errors?.map(({ type, loc }) => [type, ...loc]);
  expect(await where('{"a":}')).toEqual([['json_invalid', 'body', expect.any(Number)]]); // Node 20 does not always tell; then it is the end
  expect(await where('[1,')).toEqual([['json_invalid', 'body', 3]]);
});

it('bounds depth before anything is built, and is not misled by brackets in texts', async () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  expect((await read(nested(MAX_JSON_DEPTH))).status).toBe(200);
  expect((await read(nested(MAX_JSON_DEPTH + 1))).errors).toMatchObject([{ type: 'json_invalid', msg: expect.stringContaining('nested') }]);
  expect((await read('{"a":'.repeat(200_000))).status).toBe(422);
  expect((await read(JSON.stringify({ text: '[{'.repeat(1_000), quoted: `"\\"[${'['.repeat(100)}` }))).status).toBe(200);
  expect((await read(`[${nested(2)},${Array(100).fill('[[]]').join()}]`)).status).toBe(200); // wide is not deep
});

it('takes other types for what they are: text', async () => {
  expect(await read('a=1', { type: 'application/x-www-form-urlencoded' })).toMatchObject({ status: 200, body: 'a=1' });
  expect(await read('', { type: 'text/plain' })).toMatchObject({ status: 200, isThere: false });
});
