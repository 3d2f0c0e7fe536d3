import type { FastifyRequest } from 'fastify';
import { CallerNotFound, Forbidden, InvalidScheme, InvalidToken, NotAuthenticated, type Operation } from '../contract';

/** Longer than any access token, shorter than what a browser refuses to keep. */
const COOKIE_BYTES = 4_000;
/** What a browser is recognised by when it signs in; the longest that browsers allow. */
const DEVICE_SECONDS = 400 * 86_400;
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The token of an Authorization header; the refusals are the legacy server's. */
export function bearerToken(header: string | undefined): string {
  const [, scheme = '', token = ''] = /^(\S*)\s*(.*)$/s.exec(header?.trim() ?? '') ?? [];
  if (!scheme || !token) throw NotAuthenticated();
  if (scheme.toLowerCase() !== 'bearer') throw InvalidScheme();
  return token;
}

/** As the web client writes it when it has no token: not at all, empty, or as a word that JavaScript made of nothing. */
function isBlank(header: string | undefined): boolean {
  return /^\s*(Bearer(\s+(null|undefined))?)?\s*$/i.test(header ?? '');
}

type Asking = Pick<FastifyRequest, 'headers' | 'method' | 'protocol' | 'host'>;

/** By what clients say who they are: the Authorization header and, for the operations that allow it, the session cookie. */
export class Credentials {
  private readonly isSecure: boolean;
  private readonly origins: ReadonlySet<string>;

  /** @param origins whose pages may act with the cookie, beside our own */
  constructor(publicUrl: string, origins: readonly string[] = []) {
    this.isSecure = publicUrl.startsWith('https:');
    this.origins = new Set([publicUrl, ...origins]);
  }

  /** @throws NotAuthenticated, InvalidScheme; Forbidden if a page of somebody else makes the browser act */
  token(request: Asking, { cookie }: Pick<Operation, 'cookie'>): string {
    const { authorization } = request.headers;
    const kept = cookie && isBlank(authorization) ? this.cookie(request, this.sessionName) : undefined;
    if (kept === undefined) return bearerToken(authorization);
    if (!this.isOwnPage(request)) throw Forbidden();
    return kept;
  }

  /** What this browser was given when somebody signed in on it; proves nothing by itself. */
  device(request: Asking): string | undefined {
    return this.cookie(request, this.deviceName);
  }

  /** The Set-Cookie headers that go with an answer which begins a session. It ends with the browser, or with its token. */
  begin({ access_token, device_token }: { readonly access_token?: unknown; readonly device_token?: unknown }): string[] {
    return [
      ...(typeof access_token === 'string' ? [this.set(this.sessionName, access_token)] : []),
      ...(typeof device_token === 'string' ? [this.set(this.deviceName, device_token, DEVICE_SECONDS)] : []),
    ];
  }

  end(): string[] {
    return [this.set(this.sessionName, '', 0)];
  }

  /** SameSite keeps the cookie from other sites; pages of other origins on our own site are kept away here. */
  private isOwnPage({ headers: { origin }, method, protocol, host }: Asking): boolean {
    if (origin === undefined) return SAFE_METHODS.has(method);
    return this.origins.has(origin) || origin === `${protocol}://${host}`;
  }

  private cookie({ headers }: Asking, name: string): string | undefined {
    const value = headers.cookie
      ?.split(/; */)
      .find((pair) => pair.startsWith(`${name}=`))
      ?.slice(name.length + 1);
    return value && value.length <= COOKIE_BYTES ? value : undefined;
  }

  /** RFC 6265, section 4.1. Our values need no quoting: they are base64url and dots. */
  private set(name: string, value: string, maxAge?: number): string {
    const life = maxAge === undefined ? '' : `; Max-Age=${maxAge}`;
    return `${name}=${value}${life}; Path=/; HttpOnly; SameSite=Strict${this.isSecure ? '; Secure' : ''}`;
  }

  private get sessionName(): string {
    return this.isSecure ? '__Host-banyan_session' : 'banyan_session';
  }

  private get deviceName(): string {
    return this.isSecure ? '__Host-banyan_device' : 'banyan_device';
  }
}

/** The refusals of a token that is not believed, or that is missing: to whom one may call without one he is nobody. */
export function isNoToken(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return [InvalidToken, CallerNotFound, NotAuthenticated, InvalidScheme, Forbidden].some((refusal) => refusal.code === code);
}
