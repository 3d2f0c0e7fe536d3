import { createSecretKey } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { Strategy } from 'passport-jwt';
import { InvalidScheme, InvalidToken, normaliseUuid, NotAuthenticated } from '../contract';

/** What a good token says: who, until when (seconds since the epoch). */
export interface Claims {
  readonly sub: string;
  readonly exp: number;
}

interface Bearer {
  readonly token: string;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const REMEMBERED_TOKENS = 50_000;

/** The token of an Authorization header; the refusals are the legacy server's. */
export function bearerToken(header: string | undefined): string {
  const [, scheme = '', token = ''] = /^(\S*)\s*(.*)$/s.exec(header?.trim() ?? '') ?? [];
  if (!scheme || !token) throw NotAuthenticated();
  if (scheme.toLowerCase() !== 'bearer') throw InvalidScheme();
  return token;
}

/**
 * The one verifier of access tokens: passport-jwt, HS256 with the secret that legacy shares. A token that verified once is remembered
 * until it expires, since its signature cannot change; whether its user still exists is asked elsewhere, each time.
 */
export class TokenVerifier {
  private readonly strategy: Strategy;
  private readonly verified = new LRUCache<string, Claims>({ max: REMEMBERED_TOKENS });

  constructor(secret: string) {
    this.strategy = new Strategy(
      {
        jwtFromRequest: (bearer) => (bearer as unknown as Bearer).token,
        // Given a text, jsonwebtoken asks OpenSSL first whether it is a public key: a millisecond for each token, good or bad. Passport's
        // types do not know key objects; it only passes them on.
        secretOrKey: createSecretKey(secret, 'utf8') as unknown as Buffer,
        algorithms: ['HS256'],
      },
      (claims: unknown, done: (error: unknown, claims: unknown) => void) => done(null, claims),
    );
  }

  /** @throws InvalidToken for a token that is malformed, unsigned, expired, of another key or algorithm, or names no user */
  async verify(token: string): Promise<Claims> {
    const known = this.verified.get(token);
    if (known && known.exp > Date.now() / 1000) return known;
    const claims = toClaims(await this.authenticate(token));
    this.verified.set(token, claims);
    return claims;
  }

  /** Passport gives each request a copy of its strategy with the three ways out; that is all of passport that a token needs. */
  private authenticate(token: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const attempt = Object.create(this.strategy) as Strategy;
      attempt.success = resolve;
      attempt.fail = () => reject(InvalidToken());
      attempt.error = () => reject(InvalidToken());
      try {
        attempt.authenticate({ token } satisfies Bearer as never);
      } catch {
        reject(InvalidToken()); // jsonwebtoken throws at a payload that is null
      }
    });
  }
}

function toClaims(payload: unknown): Claims {
  const { sub, exp } = (payload ?? {}) as { sub?: unknown; exp?: unknown };
  const userId = typeof sub === 'string' ? normaliseUuid(sub) : '';
  if (!UUID.test(userId) || typeof exp !== 'number' || !Number.isFinite(exp)) throw InvalidToken();
  return { sub: userId, exp };
}
