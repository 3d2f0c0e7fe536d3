import { createSecretKey, type KeyObject } from 'node:crypto';
import { sign } from 'jsonwebtoken';

/** Access tokens as legacy makes them: HS256, `sub` and `exp` and nothing else, so that either side takes the other's. */
export class AccessTokens {
  /** Not the text: jsonwebtoken would ask OpenSSL each time whether it is a private key. */
  private readonly key: KeyObject;

  constructor(
    secret: string,
    private readonly lifeMinutes: number,
  ) {
    this.key = createSecretKey(secret, 'utf8');
  }

  issue(userId: string): string {
    const exp = Math.floor(Date.now() / 1000) + this.lifeMinutes * 60;
    return sign({ sub: userId, exp }, this.key, { algorithm: 'HS256', noTimestamp: true });
  }
}
