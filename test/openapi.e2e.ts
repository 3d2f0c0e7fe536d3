import { execFile } from 'node:child_process';
import request from 'supertest';
import { promisify } from 'node:util';
import { type Route, routesOf } from '@banyan/platform/edge/paths';
import type { FastifyInstance } from 'fastify';
import { contracts } from '../apps/server/src/domains';
import { startTestServer, type TestServer } from './support/banyan';

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
}

interface Described {
  readonly operationId: string;
  readonly summary: string;
  readonly security?: unknown;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, unknown>>;
}

let server: TestServer | undefined;
let document: Document;

beforeAll(async () => {
  server = await startTestServer();
  document = (await request(server.url).get('/openapi.json').expect(200)).body as Document;
});

afterAll(() => server?.close());

/** The validator is an ES module, which a test cannot load: it gets a process of its own. */
async function validate(file: unknown): Promise<{ valid: boolean; errors?: unknown }> {
  const program = `
    import { Validator } from '@seriousme/openapi-schema-validator';
    import { text } from 'node:stream/consumers';
    console.log(JSON.stringify(await new Validator().validate(JSON.parse(await text(process.stdin)))));`;
  const running = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { cwd: __dirname });
  running.child.stdin!.end(JSON.stringify(file));
  return JSON.parse((await running).stdout) as { valid: boolean; errors?: unknown };
}

const described = ({ binding, path }: Route) => document.paths[path]?.[binding.method.toLowerCase()];

it('/openapi.json is valid OpenAPI 3.1', async () => {
  expect(document.openapi).toBe('3.1.0');
  expect(await validate(document)).toEqual({ valid: true });
  expect((await validate({ ...document, paths: { '/a': { get: {}, wrong: {} } } })).valid).toBe(false); // so that the validator is known to judge
});

it('says each operation, under a name of its own', () => {
  const ids = Object.values(document.paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toHaveLength(routesOf(contracts).length);
  for (const contract of contracts) {
    for (const { name, http } of Object.values(contract.operations)) expect([name, ids.includes(name)]).toEqual([name, http.length > 0]);
  }
});

it('says who may call, how to repeat, and which errors there are', () => {
  for (const route of routesOf(contracts)) {
    const { operation } = route;
    const { security, parameters = [], responses, summary } = described(route)!;
    expect([operation.name, security !== undefined]).toEqual([operation.name, operation.access !== 'public']);
    expect(summary).not.toBe('');
    expect([operation.name, parameters.some(({ name }) => name === 'Idempotency-Key')]).toEqual([
      operation.name,
      operation.repeatable === 'by-key',
    ]);
    for (const { status, code } of operation.errors) expect(JSON.stringify(responses[String(status)])).toContain(code);
  }
});

it('says every route that the server has', () => {
  const fastify = server!.app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const documented = new Set(routesOf(contracts).map(({ binding, path }) => `${binding.method} ${path.replace(/\{\w+\}/g, '{}')}`));
  for (const route of served(fastify).filter((line) => line.includes('/api/'))) expect(documented).toContain(route);
  for (const route of documented) expect(served(fastify)).toContain(route);
});

/** `GET /a/{}` …, from Fastify's own tree. */
function served(fastify: FastifyInstance): string[] {
  const found: string[] = [];
  const above: string[] = [];
  for (const line of fastify.printRoutes({ commonPrefix: false }).split('\n')) {
    const [, indent, part, methods] = /^((?:[│ ] {3})*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
    if (indent === undefined || part === undefined) continue;
    above.splice(indent.length / 4, Infinity, part);
    const path = above.join('').replace(/:\w+/g, '{}');
    for (const method of methods?.split(', ') ?? []) found.push(`${method} ${path}`);
  }
  return found;
}

it('/docs is a page with all that it loads', async () => {
  const { text, headers } = await request(server!.url).get('/docs').expect(200);
  expect(headers['content-type']).toContain('text/html');
  const assets = [...text.matchAll(/(?:src|href)="\.?\/?([^"]+)"/g)].map(([, path]) => path!);
  expect(assets.length).toBeGreaterThan(3);
  for (const asset of assets) {
    const { status, headers: about } = await request(server!.url).get(`/${asset.replace(/^(docs\/)?/, 'docs/')}`);
    expect([asset, status]).toEqual([asset, 200]);
    expect(about['content-type']).toMatch(asset.endsWith('.css') ? /css/ : asset.endsWith('.js') ? /javascript/ : /image/);
  }
  expect((await request(server!.url).get('/docs/swagger-ui-init.js').expect(200)).text).toContain('relay.send');
});
