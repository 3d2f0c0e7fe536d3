import { type Call, type Find, Answer, HttpError, type Route } from './http';
import { JsonError, parseJson } from './json';
import { below, type Fault, type Fields, type Kind, missing, readFields, type Read, type Values } from './kinds';
import type { User } from './users-table';

/** What a route takes; FastAPI's parameters. */
interface Inputs {
  /** A token is wanted, and judged before everything else. */
  readonly auth?: true;
  readonly path?: Fields;
  readonly query?: Fields;
  readonly body?: Kind<unknown>;
}

interface Given<I extends Inputs> {
  readonly call: Call;
  /** Who the token is of. */
  readonly user: I['auth'] extends true ? User : undefined;
  readonly path: Values<I['path']>;
  readonly query: Values<I['query']>;
  readonly body: I['body'] extends Kind<infer T> ? T : undefined;
}

interface Entry {
  readonly methods: readonly string[];
  readonly pattern: RegExp;
  readonly route: Route;
}

/** Routes are tried in the order in which they were added, as Starlette does. */
export class Router {
  private readonly entries: Entry[] = [];

  constructor(private readonly authenticate: (authorization: string | undefined) => Promise<User>) {}

  /** @param path places of parameters are written `{name}`; `work` answers JSON with status 200, or an `Answer` */
  on<I extends Inputs>(methods: string, path: string, inputs: I, work: (given: Given<I>) => unknown): void {
    const route = async (call: Call) => {
      const user = inputs.auth && (await this.authenticate(call.headers.authorization));
      const answer = await work({ call, user, ...readInputs(inputs, call) } as Given<I>);
      return answer instanceof Answer ? answer : Answer.json(answer);
    };
    const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`, 's');
    this.entries.push({ methods: methods.split(' '), pattern, route });
  }

  /** A path of another method is 405; one that exists only with or without a slash at its end is a redirect, whatever the method. */
  readonly find: Find = (method, path) => {
    const matching = this.matching(path);
    const entry = matching.find(({ methods }) => methods.includes(method));
    if (entry) return { route: entry.route, params: { ...entry.pattern.exec(path)!.groups } };
    if (matching[0]) throw new HttpError(405, 'Method Not Allowed', { allow: matching[0].methods.join(', ') });
    const other = path.endsWith('/') ? path.replace(/\/+$/, '') : `${path}/`;
    if (path !== '/' && this.matching(other).length > 0) return { redirect: other };
    throw new HttpError(404, 'Not Found');
  };

  private matching(path: string): Entry[] {
    return this.entries.filter(({ pattern }) => pattern.test(path));
  }
}

/** @throws HttpError 422 with all faults of path, query and body together */
function readInputs({ path = {}, query = {}, body }: Inputs, call: Call): Record<'path' | 'query' | 'body', unknown> {
  const search = new URLSearchParams(call.search);
  const reads = {
    path: readFields(path, (name) => call.params[name], null),
    query: readFields(query, (name) => search.getAll(name).at(-1), null),
    body: body ? readBody(body, call) : { value: undefined },
  };
  const faults = Object.entries(reads).flatMap(([place, read]) => ('faults' in read ? below(place, read.faults) : []));
  if (faults.length > 0) throw unprocessable(faults);
  const [pathValues, queryValues, bodyValue] = Object.values(reads).map((read) => ('value' in read ? read.value : undefined));
  return { path: pathValues, query: queryValues, body: bodyValue };
}

export function unprocessable(faults: readonly Fault[]): HttpError {
  return new HttpError(
    422,
    faults.map(({ type, loc, msg, input, ctx }) => ({ type, loc, msg, input, ...(ctx && { ctx }) })),
  );
}

function readBody(kind: Kind<unknown>, { headers, body }: Call): Read<unknown> {
  let given: unknown = null;
  if (body.length > 0) given = isJson(headers['content-type']) ? parseBody(body) : body.toString();
  if (given === null) return kind.absent ?? missing(null);
  return kind.read(given);
}

function isJson(contentType: string | undefined): boolean {
  return contentType === undefined || /^\s*application\/([^;]*\+)?json\s*(;|$)/i.test(contentType);
}

function parseBody(body: Buffer): unknown {
  let typed: string;
  try {
    typed = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new HttpError(400, 'There was an error parsing the body');
  }
  try {
    return parseJson(typed);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const ctx = { error: error.message };
    throw unprocessable([{ type: 'json_invalid', loc: ['body', error.position], msg: 'JSON decode error', input: {}, ctx }]);
  }
}
