import { createSecretKey, type KeyObject } from 'node:crypto';
import { type JwtPayload, sign, verify } from 'jsonwebtoken';
import type { Queryable } from './database';
import { HttpError } from './http';
import type { Settings } from './settings';
import { findUser, type User } from './users-table';

/** Bearer tokens of HS256 with `sub` and `exp`, for HTTP and for the socket. */
export class Tokens {
  private readonly key: KeyObject;
  private readonly lifetimeSeconds: number;

  constructor({ secret, tokenMinutes }: Settings) {
    this.key = createSecretKey(Buffer.from(secret));
    this.lifetimeSeconds = tokenMinutes * 60;
  }

  issue(userId: string): string {
    const exp = Math.floor(Date.now() / 1000) + this.lifetimeSeconds;
    return sign({ sub: userId, exp }, this.key, { noTimestamp: true });
  }

  /** @returns who it is of, undefined if it is not good */
  subjectOf(token: string): string | undefined {
    try {
      const { sub, aud, iat } = verify(token, this.key, { algorithms: ['HS256'] }) as JwtPayload;
      // PyJWT refuses an audience that nobody asked for, and what was issued in the future.
      const isGood = aud === undefined && !(iat !== undefined && iat > Date.now() / 1000);
      return isGood && typeof sub === 'string' && sub !== '' ? sub : undefined;
    } catch {
      return undefined;
    }
  }

  /** @throws HttpError 403 without a token, 401 with one that is not good */
  async authenticate(db: Queryable, authorization = ''): Promise<User> {
    const [scheme = '', ...credentials] = authorization.split(' ');
    const token = credentials.join(' ');
    if (token === '') throw new HttpError(403, 'Not authenticated');
    if (scheme.toLowerCase() !== 'bearer') throw new HttpError(403, 'Invalid authentication credentials');
    const userId = this.subjectOf(token);
    if (userId === undefined) throw new HttpError(401, 'Could not validate credentials');
    const user = await findUser(db, userId);
    if (!user) throw new HttpError(401, 'User not found');
    return user;
  }
}
