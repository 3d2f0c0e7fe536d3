import { createSecretKey, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { Strategy, type StrategyOptionsWithoutRequest } from 'passport-jwt';
import { InvalidToken, normaliseUuid } from '../contract';

/** What a good token says: who, until when (seconds since the epoch), in which session (absent in those of the monolith). */
export interface Claims {
  readonly sub: string;
  readonly exp: number;
  readonly sid?: string;
}

/** Where the keys are that a token may name. */
export interface TokenKeys {
  /** The public key (P-256) of that id; undefined if there is none, or it has had its time. */
  find(kid: string): Promise<KeyObject | undefined>;
  /** Whether a token under the shared secret that ends then may still exist: after the change to ES256 those run out. */
  takesShared(exp: number): boolean;
}

interface Shown {
  readonly token: string;
  readonly key: KeyObject;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const REMEMBERED_TOKENS = 50_000;
const NO_KEYS: TokenKeys = { find: () => Promise.resolve(undefined), takesShared: () => true };

/**
 * The one verifier of access tokens: passport-jwt. Which algorithm is tried is decided by the key that the token names, never by the
 * algorithm that it names: without a key id HS256 with the secret that legacy shares, with a known one ES256. A token that verified once
 * is remembered until it expires, since its signature cannot change; whether its user still exists is asked elsewhere, each time.
 */
export class TokenVerifier {
  private readonly shared: Strategy;
  private readonly own: Strategy;
  /** Not a text: jsonwebtoken would ask OpenSSL first whether it is a public key, a millisecond for each token, good or bad. */
  private readonly secret: KeyObject;
  private readonly verified = new LRUCache<string, Claims>({ max: REMEMBERED_TOKENS });

  constructor(
    secret: string,
    private readonly keys: TokenKeys = NO_KEYS,
  ) {
    this.secret = createSecretKey(secret, 'utf8');
    this.shared = strategy('HS256');
    this.own = strategy('ES256');
  }

  /** @throws InvalidToken for a token that is malformed, unsigned, expired, of another key or algorithm, or names no user */
  async verify(token: string): Promise<Claims> {
    const known = this.verified.get(token);
    if (known && known.exp > Date.now() / 1000) return known;
    const kid = keyIdOf(token);
    const claims = kid === undefined ? await this.verifyShared(token) : await this.verifyOwn(token, kid);
    this.verified.set(token, claims);
    return claims;
  }

  private async verifyShared(token: string): Promise<Claims> {
    const claims = toClaims(await authenticate(this.shared, { token, key: this.secret }));
    if (!this.keys.takesShared(claims.exp)) throw InvalidToken();
    return claims;
  }

  private async verifyOwn(token: string, kid: string): Promise<Claims> {
    const key = await this.keys.find(kid);
    if (!key) throw InvalidToken();
    return toClaims(await authenticate(this.own, { token, key }));
  }
}

function strategy(algorithm: 'HS256' | 'ES256'): Strategy {
  const options: StrategyOptionsWithoutRequest = {
    jwtFromRequest: (shown) => (shown as unknown as Shown).token,
    // Passport's types do not know key objects; it only passes them on.
    secretOrKeyProvider: (shown: unknown, _token: unknown, done: (error: null, key: string) => void) =>
      done(null, (shown as Shown).key as unknown as string),
    algorithms: [algorithm],
  };
  return new Strategy(options, (claims: unknown, done: (error: unknown, claims: unknown) => void) => done(null, claims));
}

/** Passport gives each request a copy of its strategy with the three ways out; that is all of passport that a token needs. */
function authenticate(from: Strategy, shown: Shown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const attempt = Object.create(from) as Strategy;
    attempt.success = resolve;
    attempt.fail = () => reject(InvalidToken());
    attempt.error = () => reject(InvalidToken());
    try {
      attempt.authenticate(shown as never);
    } catch {
      reject(InvalidToken()); // jsonwebtoken throws at a payload that is null
    }
  });
}

/** Of the header, which nobody has vouched for yet. @throws InvalidToken if that is none of ours */
function keyIdOf(token: string): string | undefined {
  let header: { kid?: unknown; crit?: unknown } | null;
  try {
    header = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString('utf8')) as typeof header;
  } catch {
    throw InvalidToken();
  }
  if (typeof header !== 'object' || header === null || header.crit !== undefined) throw InvalidToken();
  if (header.kid === undefined) return undefined;
  if (typeof header.kid !== 'string') throw InvalidToken();
  return header.kid;
}

function toClaims(payload: unknown): Claims {
  const { sub, exp, sid } = (payload ?? {}) as { sub?: unknown; exp?: unknown; sid?: unknown };
  const userId = typeof sub === 'string' ? normaliseUuid(sub) : '';
  if (!UUID.test(userId) || typeof exp !== 'number' || !Number.isFinite(exp)) throw InvalidToken();
  if (sid === undefined) return { sub: userId, exp };
  if (typeof sid !== 'string' || !UUID.test(sid)) throw InvalidToken();
  return { sub: userId, exp, sid };
}
