import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Actor, AdminsOnly, type Contract, type Download, type Operation, pathParameters, type Trace } from '../contract';
import type { Dispatcher } from '../dispatch/dispatcher';
import { type Fault, InvalidInput } from '../dispatch/faults';
import { stickySubject } from '../dispatch/routes';
import type { Logger } from '../telemetry/log';
import type { Metrics } from '../telemetry/metrics';
import { newTrace, parseTraceparent } from '../telemetry/trace';
import type { ObjectStore } from '../objects/object-store';
import { answerError, MethodNotAllowed, NotFound } from './answers';
import { acceptJsonBodies } from './body';
import type { Callers } from './callers';
import { type Credentials, isNoToken } from './credentials';
import { answerDownload } from './download';
import { allowEarlyBodies, BODY_MS, limitBody } from './early-body';
import type { Elsewhere } from './elsewhere';
import type { Limits } from '../keyvalue/limits';
import { networkOf } from '../keyvalue/networks';
import { decodedPath, KnownPaths, type Route, routesOf } from './paths';
import { acceptForms, takeUpload, UPLOAD_MS } from './uploads';

declare module 'fastify' {
  interface FastifyRequest {
    actor: Actor;
    trace: Trace | undefined;
    /** What the client sent as Idempotency-Key, or a fresh one. */
    idempotencyKey: string;
  }
  interface FastifyContextConfig {
    /** What a route is made from. */
    operation?: Operation;
  }
}

export interface EdgeParts {
  readonly contracts: readonly Contract[];
  readonly dispatcher: Dispatcher;
  readonly callers: Callers;
  readonly credentials: Credentials;
  readonly limits: Limits;
  readonly objects: ObjectStore;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** What the host answers itself beside the API. */
const OWN_PATHS = ['/', '/health', '/favicon.ico'];

const ANONYMOUS: Actor = { kind: 'anonymous' };
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/;
const AGENT_LENGTH = 200;

/**
 * HTTP as clients see it, built from the contracts: the only code that knows HTTP. For each request: limit, who calls, may he,
 * read the body, dispatch, answer. Who calls is judged before the body is read, as the legacy server does.
 */
export function mountEdge(server: FastifyInstance, parts: EdgeParts): void {
  const { metrics, log, limits } = parts;
  const routes = routesOf(parts.contracts);
  acceptJsonBodies(server);
  allowEarlyBodies(server);
  server.decorateRequest('actor', null as never);
  server.decorateRequest('trace', undefined);
  server.decorateRequest('idempotencyKey', '');
  server.addHook('onRequest', (request, _reply, done) => {
    request.trace ??= traceOf(request);
    limitBody(request.raw, takesFile(request) ? UPLOAD_MS : BODY_MS);
    try {
      limits.take('address', networkOf(request.ip));
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  server.addHook('onResponse', (request, reply, done) => {
    metrics.observeHttp(request.method, request.routeOptions.url ?? 'unknown', reply.statusCode);
    log.debug(
      {
        method: request.method,
        route: request.routeOptions.url,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        trace_id: request.trace?.traceId,
      },
      'request',
    );
    done();
  });
  server.setErrorHandler((error, request, reply) => answerError(error, request, reply, log));
  for (const route of routes.filter(({ binding }) => !binding.upload)) addRoute(server, route, parts);
  // In a room of their own: elsewhere a form is a body like any other that is not JSON.
  server.register(async (room) => {
    acceptForms(room);
    for (const route of routes.filter(({ binding }) => binding.upload)) addRoute(room, route, parts);
  });
  answerUnknownPaths(server, routes);
}

/**
 * Asks whoever may answer elsewhere: for every request that a contract names, and for every one that nothing here knows. It belongs
 * before all other hooks: limits and CORS of this server are none of that one's business.
 */
export class ElsewhereHook {
  private readonly known: KnownPaths;

  constructor(
    private readonly elsewhere: Elsewhere,
    contracts: readonly Contract[],
  ) {
    this.known = new KnownPaths(routesOf(contracts).map(toKnown));
  }

  async onRequest(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    request.trace = traceOf(request);
    const { operation } = request.routeOptions.config;
    const isPreflight = request.method === 'OPTIONS' && !OWN_PATHS.includes(pathOf(request));
    if (operation || request.is404 || isPreflight) await this.ask(request, reply, isPreflight ? undefined : operation);
  }

  /**
   * Also for a request whose path the router cannot read or does not know: elsewhere it may be that of an operation all the same, and
   * must not be a way around its route.
   *
   * @returns whether it was taken
   */
  ask(request: FastifyRequest, reply: FastifyReply, operation?: Operation): Promise<boolean> {
    const { method, url, headers } = request;
    const asked = method === 'OPTIONS' ? String(headers['access-control-request-method']) : method;
    return this.elsewhere.take(request, reply, operation ?? this.known.operation(decodedPath(url), asked));
  }
}

const takesFile = ({ method, routeOptions: { config } }: FastifyRequest): boolean =>
  config.operation?.http.some((binding) => binding.upload && binding.method === method) ?? false;

function traceOf({ headers: { traceparent } }: FastifyRequest): Trace | undefined {
  return typeof traceparent === 'string' ? parseTraceparent(traceparent) : newTrace();
}

const toKnown = ({ operation, binding, path }: Route) => ({ method: binding.method, path, operation });

const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0]!;

function addRoute(server: FastifyInstance, { operation, binding, path }: Route, parts: EdgeParts): void {
  const { dispatcher, callers, credentials, limits, objects } = parts;
  const inPath = pathParameters(binding.path);
  const limited = operation.limit;
  server.route({
    method: binding.method,
    url: path.replace(/\{(\w+)\}/g, ':$1'),
    config: { operation },
    onRequest: async (request) => {
      if (limited) await limits.takeShared(limited, networkOf(request.ip));
      const actor = await actorOf(request, operation, parts);
      if (actor.kind === 'user') limits.take('user', actor.userId);
      if (operation.access === 'admin' && (actor.kind !== 'user' || actor.role !== 'admin')) throw (operation.refusal ?? AdminsOnly)();
      request.actor = actor;
      request.idempotencyKey = keyOf(request.headers['idempotency-key']);
    },
    handler: async (request, reply) => {
      const { actor, idempotencyKey: key, trace, ip: address } = request;
      const input = binding.upload ? {} : argumentsOf(request, inPath, binding.argumentsIn);
      const call = { actor, key, trace, address, subject: subjectOf(operation, actor, input) };
      const { session } = operation;
      try {
        if (binding.upload) return await takeUpload(request, { operation, how: binding.upload, objects, dispatcher, call });
        if (binding.download)
          return await answerDownload(request, reply, objects, (await dispatcher.callFromEdge(operation, input, call)) as Download);
        if (!session) return await dispatcher.callFromEdge(operation, input, call);
        const client = { device: credentials.device(request), agent: request.headers['user-agent']?.slice(0, AGENT_LENGTH) };
        const answer = await dispatcher.callFromEdge(operation, input, { ...call, ...client });
        if (session !== 'changes')
          reply.header('Set-Cookie', session === 'begins' ? credentials.begin(answer as object) : credentials.end());
        return answer;
      } catch (error) {
        throw locate(error, inPath, binding.argumentsIn);
      } finally {
        // Whoever was signed in may not be any more: here at once, elsewhere as soon as they are told.
        if (session && actor.kind === 'user') callers.forget(actor.userId);
      }
    },
  });
}

async function actorOf(request: FastifyRequest, operation: Operation, { callers, credentials }: EdgeParts): Promise<Actor> {
  const { access } = operation;
  if (access === 'public') return ANONYMOUS;
  try {
    return await callers.identify(credentials.token(request, operation), { certain: access === 'admin' });
  } catch (error) {
    if (access === 'optional' && isNoToken(error)) return ANONYMOUS;
    throw error;
  }
}

/** By what the requests of a client stick to a home; undefined if nothing names him. */
function subjectOf({ stickBy }: Operation, actor: Actor, input: Readonly<Record<string, unknown>>): string | undefined {
  if (actor.kind === 'user') return actor.userId;
  const named = stickBy === undefined ? undefined : input[stickBy];
  return typeof named === 'string' ? stickySubject(named) : undefined;
}

function keyOf(header: string | string[] | undefined): string {
  if (header === undefined) return randomUUID();
  if (typeof header === 'string' && IDEMPOTENCY_KEY.test(header)) return header;
  throw InvalidInput({
    errors: [{ type: 'value_error', loc: ['header', 'Idempotency-Key'], msg: 'should be 1 to 200 printable ASCII characters' }],
  });
}

/** Path, then query or body: one object, as the contract's input wants it. Of a repeated query key the last one counts. */
function argumentsOf(request: FastifyRequest, inPath: readonly string[], argumentsIn: 'query' | 'body'): Record<string, unknown> {
  const source = argumentsIn === 'query' ? request.query : (request.body ?? {});
  if (typeof source !== 'object' || source === null || Array.isArray(source)) {
    throw InvalidInput({
      errors: [
        { type: 'model_attributes_type', loc: ['body'], msg: 'Input should be a valid dictionary or object to extract fields from' },
      ],
    });
  }
  const input: Record<string, unknown> = { ...source };
  if (argumentsIn === 'query') for (const [name, value] of Object.entries(input)) if (Array.isArray(value)) input[name] = value.at(-1);
  for (const name of inPath) input[name] = (request.params as Record<string, string>)[name];
  return input;
}

/** A fault of an input is told where the client put it. */
function locate(error: unknown, inPath: readonly string[], argumentsIn: 'query' | 'body'): unknown {
  const faults =
    (error as { code?: unknown; extra?: { errors?: readonly Fault[] } }).code === InvalidInput.code
      ? (error as { extra?: { errors?: readonly Fault[] } }).extra?.errors
      : undefined;
  if (!faults) return error;
  return InvalidInput({
    errors: faults.map((fault) => ({ ...fault, loc: [inPath.includes(String(fault.loc[0])) ? 'path' : argumentsIn, ...fault.loc] })),
  });
}

/** No route took it: another method of a known path, the other trailing slash, or nothing we know. */
function answerUnknownPaths(server: FastifyInstance, routes: readonly Route[]): void {
  const known = new KnownPaths([...routes.map(toKnown), ...OWN_PATHS.map((path) => ({ method: 'GET', path }))]);
  const answer = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const [path = '/', query] = request.url.split(/\?(.*)/s);
    const methods = known.methods(path);
    if (methods.length > 0) {
      reply.header('Allow', methods.join(', '));
      throw MethodNotAllowed();
    }
    const other = known.otherForm(path);
    if (!other || other.startsWith('//')) throw NotFound();
    return reply
      .code(307)
      .header('Location', query === undefined ? other : `${other}?${query}`)
      .send();
  };
  server.setNotFoundHandler(answer);
}
