import type { KeyObject } from 'node:crypto';
import type { Settings } from '@banyan/platform/config/table';
import type { TokenKeyTimes } from '@banyan/platform/config/token-keys';
import { derivedKey } from './secrets';

/** Auth's settings, in its own units. */
export class AuthConfig {
  /** Of an access token. */
  readonly tokenMs: number;
  /** Of a session that is not used. */
  readonly refreshSeconds: number;
  /** ES256 with keys of ours, not HS256 with the secret that the monolith shares. */
  readonly signsOwn: boolean;
  readonly keyTimes: TokenKeyTimes;
  /** Private keys are kept under it. */
  readonly sealingKey: KeyObject;
  /** Where the pages are to which mailed links lead. */
  readonly publicUrl: string;

  constructor(settings: Settings, secret: string) {
    this.tokenMs = settings.ACCESS_TOKEN_EXPIRE_MINUTES * 60_000;
    this.refreshSeconds = settings.REFRESH_TOKEN_EXPIRE_DAYS * 86_400;
    this.signsOwn = settings.TOKEN_ALGORITHM === 'ES256';
    this.keyTimes = settings.TOKEN_KEYS;
    this.sealingKey = derivedKey(secret, 'signing keys');
    this.publicUrl = settings.PUBLIC_URL;
  }
}
