import { z } from 'zod';
import {
  AdminsOnly,
  type Contract,
  DeadlineExceeded,
  type ErrorDefinition,
  type HttpBinding,
  InvalidToken,
  NotAuthenticated,
  pathParameters,
  shapeOf,
  TooManyRequests,
  Unavailable,
} from '../contract';
import { InvalidInput } from '../dispatch/faults';
import { type Route, routesOf } from './paths';

type Json = Record<string, unknown>;

const TITLE = 'Banyan: secure messaging';
const DESCRIPTION =
  'Register or sign in under **auth**, then give the `access_token` of the answer to *Authorize*. ' +
  'Every error is `{"detail", "code", "trace_id"}`: show `detail` to people, compare `code`.';

/** The API as OpenAPI 3.1, made from the same schemas that judge the requests. */
export function openApiDocument(contracts: readonly Contract[], { version, publicUrl }: { version: string; publicUrl?: string }): Json {
  const routes = routesOf(contracts);
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const item = (paths[route.path] ??= {});
    item[route.binding.method.toLowerCase()] = describe(route);
  }
  return {
    openapi: '3.1.0',
    info: { title: TITLE, description: DESCRIPTION, version },
    // Wherever the page came from is tried first: another name of the same server would be another origin to a browser.
    servers: [{ url: '/' }, ...(publicUrl ? [{ url: publicUrl }] : [])],
    tags: [...new Set(routes.map(({ operation }) => operation.domain))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: {
        Error: {
          type: 'object',
          required: ['detail', 'code'],
          properties: {
            detail: { type: 'string', description: 'A sentence for people.' },
            code: { type: 'string', description: 'What programs compare.' },
            trace_id: { type: 'string' },
            errors: { type: 'array', items: { type: 'object' }, description: 'The faults of an invalid input.' },
          },
        },
      },
    },
  };
}

function describe({ operation, binding }: Route): Json {
  const inPath = pathParameters(binding.path);
  const input = jsonSchema(operation.input, 'input');
  const properties = (input.properties ?? {}) as Record<string, Json>;
  const required = (input.required ?? []) as string[];
  const others = Object.keys(shapeOf(operation.input)).filter((name) => !inPath.includes(name));
  const parameters = [
    ...inPath.map((name) => ({ name, in: 'path', required: true, schema: properties[name] })),
    ...(binding.argumentsIn === 'query'
      ? others.map((name) => ({ name, in: 'query', required: required.includes(name), schema: properties[name] }))
      : []),
    ...(operation.repeatable === 'by-key' ? [IDEMPOTENCY_KEY] : []),
  ];
  const body = requestBodyOf(binding, properties, others, required);
  return {
    operationId: binding === operation.http[0] ? operation.name : `${operation.name}.${operation.http.indexOf(binding)}`,
    tags: [operation.domain],
    summary: operation.summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: body } : {}),
    ...(operation.access === 'public' ? {} : { security: [...(operation.access === 'optional' ? [{}] : []), { bearer: [] }] }),
    responses: {
      200: binding.download
        ? { description: 'The bytes', content: { '*/*': { schema: BYTES } } }
        : { description: 'Done', content: { 'application/json': { schema: jsonSchema(operation.output, 'output') } } },
      ...errorResponses([
        ...operation.errors,
        ...(operation.access === 'public' || operation.access === 'optional' ? [] : [NotAuthenticated, InvalidToken]),
        ...(operation.access === 'admin' ? [operation.refusal ?? AdminsOnly] : []),
        InvalidInput,
        TooManyRequests,
        Unavailable,
        DeadlineExceeded,
      ]),
    },
  };
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'A repeat with the same key gives the first answer instead of a second effect.',
  schema: { type: 'string', minLength: 1, maxLength: 200 },
};

/** As the page of the documentation knows a file. */
const BYTES = { type: 'string', format: 'binary' };

function requestBodyOf(
  { argumentsIn, upload }: HttpBinding,
  properties: Record<string, Json>,
  names: readonly string[],
  required: readonly string[],
): Json | undefined {
  if (upload) {
    const schema = { type: 'object', properties: { [upload.file]: BYTES }, required: [upload.file] };
    return { required: true, content: { 'multipart/form-data': { schema } } };
  }
  return argumentsIn === 'body' && names.length > 0 ? bodyOf(properties, names, required) : undefined;
}

function bodyOf(properties: Record<string, Json>, names: readonly string[], required: readonly string[]): Json {
  const needed = names.filter((name) => required.includes(name));
  const schema = {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, properties[name]])),
    ...(needed.length > 0 ? { required: needed } : {}),
  };
  return { required: needed.length > 0, content: { 'application/json': { schema } } };
}

/** One entry per status, naming every code that comes with it. */
function errorResponses(errors: readonly ErrorDefinition[]): Record<string, Json> {
  const byStatus = new Map<number, ErrorDefinition[]>();
  for (const error of errors) byStatus.set(error.status, [...(byStatus.get(error.status) ?? []), error]);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      String(status),
      {
        description: group.map(({ code, detail }) => `\`${code}\`: ${detail}`).join('; '),
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    ]),
  );
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    target: 'draft-2020-12',
    override: withoutSafeBounds,
  }) as Json;
  return rest;
}

/** That an integer fits into a double is true of JSON anyway; said, it becomes the example that people see. */
function withoutSafeBounds({ jsonSchema }: { jsonSchema: { minimum?: number; maximum?: number } }): void {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}
