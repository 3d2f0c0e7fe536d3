import { createSecretKey, type KeyObject } from 'node:crypto';
import { sign } from 'jsonwebtoken';

/** A key of ours that signs at this moment. */
export interface SigningKey {
  readonly kid: string;
  readonly key: KeyObject;
}

/**
 * Access tokens. As long as the monolith reads them as it makes them (HS256, `sub` and `exp`), with `sid`, the session, which it does not
 * mind; no `iat`, which it would refuse from a clock that is ahead of its own. Where a key of ours signs, ES256 under its `kid`.
 */
export class AccessTokens {
  /** Not the text: jsonwebtoken would ask OpenSSL each time whether it is a private key. */
  private readonly secret: KeyObject;

  constructor(
    secret: string,
    readonly lifeSeconds: number,
    private readonly signing: () => SigningKey | undefined = () => undefined,
  ) {
    this.secret = createSecretKey(secret, 'utf8');
  }

  issue(userId: string, sessionId: string): { access_token: string; token_type: 'bearer'; expires_in: number } {
    const claims = { sub: userId, exp: Math.floor(Date.now() / 1000) + this.lifeSeconds, sid: sessionId };
    const own = this.signing();
    const access_token = own
      ? sign(claims, own.key, { algorithm: 'ES256', keyid: own.kid, noTimestamp: true })
      : sign(claims, this.secret, { algorithm: 'HS256', noTimestamp: true });
    return { access_token, token_type: 'bearer', expires_in: this.lifeSeconds };
  }
}
