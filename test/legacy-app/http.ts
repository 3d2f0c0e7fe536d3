import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request as routes see it. */
export interface Call {
  readonly method: string;
  /** Decoded. */
  readonly path: string;
  readonly search: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** What stood in the places of the route's path. */
  readonly params: Readonly<Record<string, string>>;
}

/** An answer that is not just JSON with status 200. */
export class Answer {
  constructor(
    readonly status: number,
    readonly headers: Readonly<Record<string, string | number>>,
    readonly body: Buffer | string = '',
  ) {}

  static json(body: unknown, status = 200, headers: Record<string, string> = {}): Answer {
    return new Answer(status, { 'content-type': 'application/json', ...headers }, JSON.stringify(body));
  }

  static text(body: string, status = 200, headers: Record<string, string> = {}): Answer {
    return new Answer(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }, body);
  }
}

/** An answer with `detail`, like FastAPI's `HTTPException`. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    readonly detail: unknown,
    readonly headers: Record<string, string> = {},
  ) {
    super(`${status}: ${typeof detail === 'string' ? detail : JSON.stringify(detail)}`);
  }
}

export type Route = (call: Call) => Promise<Answer>;

/** Who finds the route of a request: given its method and its decoded path. */
export type Find = (method: string, path: string) => { route: Route; params: Record<string, string> } | { redirect: string };

/** Answers requests as uvicorn, Starlette and its CORS middleware do together. */
export function serve(find: Find): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    answer(find, request).then(
      ({ status, headers, body }) => {
        // Named here, as Node would add how long it keeps the connection, and clients would know when not to use it any more: uvicorn does not tell.
        if (response.shouldKeepAlive) response.setHeader('connection', 'keep-alive');
        response.writeHead(status, { server: 'uvicorn', 'content-length': Buffer.byteLength(body), ...headers });
        response.end(request.method === 'HEAD' ? undefined : body);
      },
      () => response.destroy(), // the client went away in the middle of its request
    );
  };
}

async function answer(find: Find, request: IncomingMessage): Promise<Answer> {
  const { headers, method = 'GET' } = request;
  const body = await buffer(request);
  if (isPreflight(request)) return preflight(headers);
  try {
    const { status, headers: own, body: bytes } = await respond(find, request, method, body);
    return new Answer(status, { ...own, ...(headers.origin !== undefined && corsHeaders(headers)) }, bytes);
  } catch (error) {
    console.error(String(error).split('\n', 1)[0]); // what stands behind it are the statement's parameters
    return Answer.text('Internal Server Error', 500); // made outside of the CORS middleware
  }
}

async function respond(find: Find, { url = '/', headers }: IncomingMessage, method: string, body: Buffer): Promise<Answer> {
  const [rawPath = '', ...query] = url.split('#', 1)[0]!.split('?');
  const path = decodePath(rawPath);
  const search = query.join('?');
  try {
    const found = find(method, path);
    if ('redirect' in found) return redirect(found.redirect, search, headers);
    return await found.route({ method, path, search, headers, body, params: found.params });
  } catch (error) {
    if (error instanceof HttpError) return Answer.json({ detail: error.detail }, error.status, error.headers);
    throw error;
  }
}

/** On the host that the client named; the scheme is what a proxy on this machine says. */
function redirect(path: string, search: string, headers: IncomingHttpHeaders): Answer {
  const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
  const location = `${scheme}://${headers.host}${encodeURI(path)}${search && `?${search}`}`;
  return new Answer(307, { location });
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

function preflight(headers: IncomingHttpHeaders): Answer {
  const requested = headers['access-control-request-headers'];
  return Answer.text('OK', 200, {
    vary: 'Origin',
    'access-control-allow-origin': headers.origin!,
    'access-control-allow-methods': 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT',
    'access-control-max-age': '600',
    'access-control-allow-credentials': 'true',
    ...(requested !== undefined && { 'access-control-allow-headers': String(requested) }),
  });
}

/** The origin is named to whoever sends cookies only. */
function corsHeaders({ origin, cookie }: IncomingHttpHeaders): Record<string, string> {
  const allowed = { 'access-control-allow-credentials': 'true' };
  return cookie === undefined
    ? { ...allowed, 'access-control-allow-origin': '*' }
    : { ...allowed, 'access-control-allow-origin': origin!, vary: 'Origin' };
}

function decodePath(raw: string): string {
  return raw.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());
}

/** @returns its URL */
export async function listen(server: Server, port: number): Promise<string> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
