import type { IncomingMessage } from 'node:http';

/** Who a request came from, as this host knows it. */
export interface Forwarded {
  /** Addresses, the client's first. */
  readonly for: string;
  readonly proto: string;
  readonly host: string;
}

/** Of one connection, not of the message (RFC 9110, section 7.6.1). `expect` has been answered by this host. */
const HOP_BY_HOP = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** This host says them itself. A client's own would be a claim about its address. */
const FORWARDED = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-prefix',
]);

/** An answer that is looked at must come as it is. */
const ENCODINGS = new Set(['accept-encoding']);
const LENGTH = new Set(['content-length']);

/** Name and value in turn, as Node reads and writes them: in order, as they were spelled, repeated ones too. */
export type RawHeaders = string[];

/** The client's request as the monolith gets it. Its Host stays, since links and redirects are made from it. */
export function requestHeaders(
  { method, headers, rawHeaders }: IncomingMessage,
  forwarded: Forwarded,
  { bodyBytes, isRevised = false }: { bodyBytes?: number; isRevised?: boolean } = {},
): RawHeaders {
  const kept = without(rawHeaders, [HOP_BY_HOP, FORWARDED, namedBy(headers.connection), ...(isRevised ? [ENCODINGS] : [])]);
  const isChunked = headers['transfer-encoding'] !== undefined;
  if (isChunked && bodyBytes === undefined) kept.push('Transfer-Encoding', 'chunked');
  else if (isChunked) kept.push('Content-Length', String(bodyBytes));
  // Without a word about a body Node would announce a chunked one for these.
  else if (headers['content-length'] === undefined && !BODILESS.has(method!)) kept.push('Content-Length', '0');
  return [...kept, 'X-Forwarded-For', forwarded.for, 'X-Forwarded-Proto', forwarded.proto, 'X-Forwarded-Host', forwarded.host];
}

const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);

/** The monolith's answer as the client gets it. A redirect to the monolith, or to this host by another scheme, leads to this host. */
export function answerHeaders(
  { headers, rawHeaders }: IncomingMessage,
  { proto, host }: Forwarded,
  /** The monolith's own, and what the request named: behind a proxy that may be another one than the client's. */
  hosts: readonly string[],
  /** If its body is another one than the monolith's. */
  bodyBytes?: number,
): RawHeaders {
  const kept = without(rawHeaders, [HOP_BY_HOP, namedBy(headers.connection), ...(bodyBytes === undefined ? [] : [LENGTH])]);
  if (bodyBytes !== undefined) kept.push('Content-Length', String(bodyBytes));
  for (let i = 0; i < kept.length; i += 2) {
    if (kept[i]!.toLowerCase() === 'location') kept[i + 1] = relocated(kept[i + 1]!, { proto, host }, hosts);
  }
  return kept;
}

function relocated(location: string, { proto, host }: Pick<Forwarded, 'proto' | 'host'>, hosts: readonly string[]): string {
  const [, authority, rest] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(location) ?? [];
  const isOurs = authority !== undefined && [...hosts, host].some((known) => known.toLowerCase() === authority.toLowerCase());
  return isOurs && host !== '' ? `${proto}://${host}${rest}` : location;
}

function without(raw: readonly string[], dropped: readonly ReadonlySet<string>[]): RawHeaders {
  const kept: RawHeaders = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    if (!dropped.some((names) => names.has(name))) kept.push(raw[i]!, raw[i + 1]!);
  }
  return kept;
}

/** What `Connection` names belongs to the connection as well; but nobody can drop what the message cannot do without. */
function namedBy(connection: string | undefined): ReadonlySet<string> {
  const names = (connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => name !== '' && !['host', 'content-length', 'authorization', 'content-type'].includes(name)));
}
