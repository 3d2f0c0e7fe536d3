import type { z } from 'zod';
import type { Actor, CallContext, UserActor } from './context';
import type { ErrorDefinition } from './error';

/**
 * Who may call: anybody; anybody, and who shows a good token is known as its user (a bad one counts as none); a signed-in user; a user
 * whose role is admin; other domains on nobody's behalf (never a route). Without a route, `user` means: other domains, on behalf of the
 * user whose request they serve.
 */
export type Access = 'public' | 'optional' | 'user' | 'admin' | 'internal';

/**
 * What a lost answer may do. `yes`: a second execution does no harm. `by-key`: a second execution under the same key gives the
 * first answer. `no`: never tried again once it may have been executed.
 */
export type Repeatable = 'yes' | 'by-key' | 'no';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';

/** Where an operation is found over HTTP, below `/api/v1`. Arguments not named in the path come from `argumentsIn`. */
export interface HttpBinding {
  readonly method: HttpMethod;
  /** e.g. `/users/{user_id}` */
  readonly path: string;
  readonly argumentsIn: 'query' | 'body';
  /** A multipart form brings a file, which goes to the object store and not to the operation. */
  readonly upload?: Upload;
  /** The operation says which object is the answer's body: its output is `Download`. */
  readonly download?: true;
}

/**
 * How the edge takes a file: `reserve` ({file_name, file_type}) says under which `key` it is stored and how long it may be (`limit_bytes`);
 * then the bytes go there; then the operation itself is called with `{upload_id, size_bytes, sha256}`, which `complete`s it.
 */
export interface Upload {
  /** The name of the form's part. */
  readonly file: string;
  readonly reserve: Operation;
  readonly tooLarge: ErrorDefinition;
}

/** What the edge has to know to answer with an object. */
export interface Download {
  readonly key: string;
  readonly size_bytes: number;
  readonly content_type: string;
  readonly etag: string;
  readonly modified_at: string;
  readonly file_name: string;
  readonly inline: boolean;
  readonly max_age_seconds: number;
}

type BindingOptions = { readonly argumentsIn?: 'query' | 'body' };
const binding =
  (method: HttpMethod, usual: 'query' | 'body') =>
  (path: string, { argumentsIn = usual }: BindingOptions = {}): HttpBinding => ({ method, path, argumentsIn });

export const get = binding('GET', 'query');
export const post = binding('POST', 'body');
export const put = binding('PUT', 'body');
export const patch = binding('PATCH', 'body');
export const del = binding('DELETE', 'query');
export const upload = (path: string, how: Upload): HttpBinding => ({ ...post(path), upload: how });
export const download = (path: string): HttpBinding => ({ ...get(path), download: true });

export interface Operation<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType, A extends Access = Access> {
  readonly kind: 'query' | 'command';
  /** `<domain>.<key>`; given by `contract()`. */
  readonly name: string;
  readonly domain: string;
  /** One sentence for people who read the API's documentation. */
  readonly summary: string;
  readonly http: readonly HttpBinding[];
  readonly access: A;
  readonly repeatable: Repeatable;
  readonly input: I;
  readonly output: O;
  readonly errors: readonly ErrorDefinition[];
  /** Limits one attempt. A request's deadline is at least twice that plus 500 ms. */
  readonly timeoutMs: number;
  /** A limit of setting RATE_LIMITS, counted per address for all processes together, beside the general ones. */
  readonly limit?: string;
  /** Where no token comes, the session cookie says who calls. For the few calls of the web client that carry none. */
  readonly cookie?: true;
  /** What it does to who is signed in: an answer with an `access_token` begins a session in the browser, its cookie ends, or another one may have. */
  readonly session?: 'begins' | 'ends' | 'changes';
  /** `false`: the monolith has nothing like it, so a part of the users that is served there is served here in this. */
  readonly legacy?: false;
  /** The field of the input by which callers who are not signed in stick to a home, so that a repeat meets the same one. */
  readonly stickBy?: string;
  /** Of an operation for admins: what others are told. */
  readonly refusal?: ErrorDefinition;
}

interface Draft<I extends z.ZodType, O extends z.ZodType, A extends Access> {
  readonly summary: string;
  readonly http?: HttpBinding | readonly HttpBinding[];
  readonly access: A;
  readonly input: I;
  readonly output: O;
  readonly errors?: readonly ErrorDefinition[];
  readonly timeoutMs?: number;
  readonly limit?: string;
  readonly cookie?: true;
  readonly session?: 'begins' | 'ends' | 'changes';
  readonly legacy?: false;
  readonly stickBy?: string;
  readonly refusal?: ErrorDefinition;
}

const DEFAULT_TIMEOUT_MS = 2_000;

function operation<I extends z.ZodType, O extends z.ZodType, A extends Access>(
  kind: 'query' | 'command',
  repeatable: Repeatable,
  draft: Draft<I, O, A>,
): Operation<I, O, A> {
  const {
    summary,
    http = [],
    access,
    input,
    output,
    errors = [],
    timeoutMs = DEFAULT_TIMEOUT_MS,
    limit,
    cookie,
    session,
    legacy,
    stickBy,
    refusal,
  } = draft;
  return {
    kind,
    name: '',
    domain: '',
    summary,
    http: Array.isArray(http) ? http : [http as HttpBinding],
    access,
    repeatable,
    input,
    output,
    errors,
    timeoutMs,
    limit,
    cookie,
    session,
    legacy,
    stickBy,
    refusal,
  };
}

/** Ask without changing anything. */
export function query<I extends z.ZodType, O extends z.ZodType, A extends Access>(draft: Draft<I, O, A>): Operation<I, O, A> {
  return operation('query', 'yes', draft);
}

/** Change something. There is no default for `repeatable`: it decides what happens when an answer is lost. */
export function command<I extends z.ZodType, O extends z.ZodType, A extends Access>(
  draft: Draft<I, O, A> & { readonly repeatable: Repeatable },
): Operation<I, O, A> {
  return operation('command', draft.repeatable, draft);
}

export type Input<Op> = Op extends Operation<infer I, z.ZodType, Access> ? z.output<I> : never;
/** What a caller writes: before defaults and normalisation. */
export type InputDraft<Op> = Op extends Operation<infer I, z.ZodType, Access> ? z.input<I> : never;
export type Output<Op> = Op extends Operation<z.ZodType, infer O, Access> ? z.output<O> : never;
type ContextOf<Op> =
  Op extends Operation<z.ZodType, z.ZodType, infer A> ? CallContext<A extends 'user' | 'admin' ? UserActor : Actor> : never;

export interface Contract<Ops extends Readonly<Record<string, Operation>> = Readonly<Record<string, Operation>>> {
  readonly domain: string;
  readonly operations: Ops;
}

const ACCESS: readonly Access[] = ['public', 'optional', 'user', 'admin', 'internal'];
const REPEATABLE: readonly Repeatable[] = ['yes', 'by-key', 'no'];

/**
 * All that a domain offers. Refuses, when the program starts, an operation that does not say who may call it or what a repeat
 * does, one that is both internal and a route, one that needs no caller and takes the session cookie for one, one whose path names an argument the input lacks, and one named twice.
 */
export function contract<const Ops extends Readonly<Record<string, Operation>>>(domain: string, operations: Ops): Contract<Ops> {
  for (const [key, op] of Object.entries(operations)) {
    const name = `${domain}.${key}`;
    if (op.name) throw new Error(`${name}: this operation is already ${op.name}`);
    if (!ACCESS.includes(op.access)) throw new Error(`${name}: says nothing about access (${ACCESS.join(', ')})`);
    if (!REPEATABLE.includes(op.repeatable)) throw new Error(`${name}: says nothing about repeatable (${REPEATABLE.join(', ')})`);
    if (op.access === 'internal' && op.http.length > 0) throw new Error(`${name}: an internal operation has no route`);
    if (op.cookie && (op.http.length === 0 || op.access === 'public')) throw new Error(`${name}: nobody is asked for, so no cookie is`);
    for (const { path } of op.http) {
      for (const parameter of pathParameters(path)) {
        if (!(parameter in shapeOf(op.input))) throw new Error(`${name}: the path ${path} names ${parameter}, which the input lacks`);
      }
    }
    Object.assign(op, { name, domain });
  }
  return { domain, operations };
}

export function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
}

/** The fields of an input, which is an object schema at the outside. */
export function shapeOf(input: z.ZodType): Readonly<Record<string, z.ZodType>> {
  return (input as unknown as { shape?: Readonly<Record<string, z.ZodType>> }).shape ?? {};
}

/** What a controller must have: one method per operation. */
export type Handlers<C extends Contract> = {
  [K in keyof C['operations']]: (
    input: Input<C['operations'][K]>,
    context: ContextOf<C['operations'][K]>,
  ) => Promise<Output<C['operations'][K]>>;
};

export interface CallOptions {
  /** Defaults to a key derived from the call one is in, so that a repeated request repeats its nested commands under the same keys. */
  readonly key?: string;
}

/** What callers hold: the same methods, wherever the domain runs. */
export type ClientOf<C extends Contract> = {
  readonly [K in keyof C['operations']]: (
    input: InputDraft<C['operations'][K]>,
    options?: CallOptions,
  ) => Promise<Output<C['operations'][K]>>;
};
