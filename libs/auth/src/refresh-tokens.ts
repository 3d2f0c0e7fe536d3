import { createHash, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { derivedKey, macOf } from './secrets';

const PART = 16;

/** A refresh token that this installation has made, at whatever time. */
export interface ShownToken {
  readonly sessionId: string;
  readonly nonce: Buffer;
}

/**
 * Refresh tokens: 64 characters that mean nothing to others. Inside: the session, a nonce, and a MAC over both, so that a token which was
 * good once is told from one that somebody has made up, without keeping all that ever were. The successor of a token follows from it and
 * from the session's salt: whoever repeats a lost exchange gets the same one, though nobody keeps it.
 */
export class RefreshTokens {
  private readonly key: KeyObject;

  constructor(secret: string) {
    this.key = derivedKey(secret, 'refresh tokens');
  }

  first(sessionId: string): string {
    return this.write({ sessionId, nonce: randomBytes(PART) });
  }

  successor({ sessionId, nonce }: ShownToken, salt: Uint8Array): string {
    return this.write({ sessionId, nonce: macOf(this.key, 'successor', sessionId, nonce, salt).subarray(0, PART) });
  }

  /** Undefined for what was never one of ours. */
  read(token: string): ShownToken | undefined {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== 3 * PART || bytes.toString('base64url') !== token) return undefined;
    const shown = { sessionId: toUuid(bytes.subarray(0, PART)), nonce: bytes.subarray(PART, 2 * PART) };
    return timingSafeEqual(bytes.subarray(2 * PART), this.mac(shown)) ? shown : undefined;
  }

  private write(shown: ShownToken): string {
    return Buffer.concat([toBytes(shown.sessionId), shown.nonce, this.mac(shown)]).toString('base64url');
  }

  private mac({ sessionId, nonce }: ShownToken): Buffer {
    return macOf(this.key, 'token', sessionId, nonce).subarray(0, PART);
  }
}

/** What is kept of a token. It is random enough to need no salt. */
export function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

const toBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex');
const toUuid = (bytes: Buffer): string => bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
