import { type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { derivedKey, macOf } from './secrets';

const NONCE = 12;
const MAC = 16;

/**
 * By what a browser or client is recognised on which somebody has signed in before (OWASP's "device cookie"). It lets nobody in: it only
 * says whose failures are counted together.
 */
export class Devices {
  private readonly key: KeyObject;

  constructor(secret: string) {
    this.key = derivedKey(secret, 'devices');
  }

  /** The one that was shown, if it is this user's, else a new one. */
  tokenFor(userId: string, shown: string | undefined): string {
    if (shown !== undefined && this.recognise(userId, shown) !== undefined) return shown;
    const nonce = randomBytes(NONCE);
    return Buffer.concat([nonce, this.mac(userId, nonce)]).toString('base64url');
  }

  /** A name of the device; undefined if this user has not signed in on it. */
  recognise(userId: string, shown: string): string | undefined {
    const bytes = Buffer.from(shown, 'base64url');
    if (bytes.length !== NONCE + MAC) return undefined;
    const nonce = bytes.subarray(0, NONCE);
    return timingSafeEqual(bytes.subarray(NONCE), this.mac(userId, nonce)) ? nonce.toString('base64url') : undefined;
  }

  private mac(userId: string, nonce: Buffer): Buffer {
    return macOf(this.key, userId, nonce).subarray(0, MAC);
  }
}
