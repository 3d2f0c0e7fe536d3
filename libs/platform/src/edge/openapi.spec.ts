import { z } from 'zod';
import { command, contract, del, domainError, get, Int, post, query, Uuid } from '../contract';
import { openApiDocument } from './openapi';

const Gone = domainError('shop.gone', { status: 404, detail: 'Gone' });
const Lost = domainError('shop.lost', { status: 404, detail: 'Lost' });
const shop = contract('shop', {
  list: query({
    summary: 'List.',
    http: [get('/shop'), get('/shop/')],
    access: 'public',
    input: z.object({ limit: Int({ min: 1, max: 9 }).nullish() }),
    output: z.array(Uuid),
  }),
  buy: command({
    summary: 'Buy.',
    http: post('/shop/{id}'),
    access: 'user',
    repeatable: 'by-key',
    input: z.object({ id: Uuid, note: z.string(), more: z.string().optional() }),
    output: z.object({ ok: z.boolean() }),
    errors: [Gone, Lost],
  }),
  drop: command({
    summary: 'Drop.',
    http: del('/shop/{id}'),
    access: 'user',
    repeatable: 'yes',
    input: z.object({ id: Uuid, why: z.string() }),
    output: z.object({}),
  }),
  sweep: command({ summary: 'Sweep.', access: 'internal', repeatable: 'yes', input: z.object({}), output: z.object({}) }),
});

interface Described {
  operationId: string;
  parameters?: { name: string; in: string; required: boolean; schema: unknown }[];
  requestBody?: { required: boolean; content: { 'application/json': { schema: { properties: object; required: string[] } } } };
  security?: unknown;
  responses: Record<string, { description: string }>;
}
const document = openApiDocument([shop], { version: '1', publicUrl: 'https://chat.example' });
const paths = document.paths as Record<string, Record<string, Described>>;

it('has each route, and nothing that is internal', () => {
  expect(
    Object.entries(paths).flatMap(([path, item]) => Object.entries(item).map(([method, { operationId }]) => [method, path, operationId])),
  ).toEqual([
    ['get', '/api/v1/shop', 'shop.list'],
    ['get', '/api/v1/shop/', 'shop.list.1'],
    ['post', '/api/v1/shop/{id}', 'shop.buy'],
    ['delete', '/api/v1/shop/{id}', 'shop.drop'],
  ]);
  expect(document).toMatchObject({ servers: [{ url: '/' }, { url: 'https://chat.example' }], tags: [{ name: 'shop' }] });
});

it('puts arguments where they are read', () => {
  const places = (described: Described) => described.parameters?.map(({ name, in: place, required }) => [name, place, required]);
  expect(places(paths['/api/v1/shop']!.get!)).toEqual([['limit', 'query', false]]);
  expect(places(paths['/api/v1/shop/{id}']!.post!)).toEqual([
    ['id', 'path', true],
    ['Idempotency-Key', 'header', false],
  ]);
  expect(places(paths['/api/v1/shop/{id}']!.delete!)).toEqual([
    ['id', 'path', true],
    ['why', 'query', true],
  ]);
  const { required, content } = paths['/api/v1/shop/{id}']!.post!.requestBody!;
  expect([required, Object.keys(content['application/json'].schema.properties), content['application/json'].schema.required]).toEqual([
    true,
    ['note', 'more'],
    ['note'],
  ]);
});

it('says who may call and what may go wrong, all codes of a status together', () => {
  const { security, responses } = paths['/api/v1/shop/{id}']!.post!;
  expect(security).toEqual([{ bearer: [] }]);
  expect(paths['/api/v1/shop']!.get!.security).toBeUndefined();
  expect(responses['404']!.description).toBe('`shop.gone`: Gone; `shop.lost`: Lost');
  expect(Object.keys(responses)).toEqual(['200', '401', '403', '404', '422', '429', '503', '504']);
  expect(Object.keys(paths['/api/v1/shop']!.get!.responses)).toEqual(['200', '422', '429', '503', '504']);
});
