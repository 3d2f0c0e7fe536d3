import { createCipheriv, createDecipheriv, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { SigningKey } from './access-tokens';
import { AuthConfig } from './auth.config';
import { type KeyRing, type KeyRow, SigningKeyStore } from './signing-key.store';

/** Each process looks so often which key signs. */
const LOOK_MS = 1_000;
/** Processes are restarted one after the other: so long after the first one signs with ES256 others may still sign with HS256. */
const CHANGE_MS = 86_400_000;

/**
 * The keys that sign access tokens once the monolith does not read them any more. A key is published, then signs until the next one
 * does, then verifies as long as a token of it can live. In the database it is sealed with a key made of JWT_SECRET_KEY.
 */
@Injectable()
export class SigningKeys implements OnApplicationBootstrap, OnModuleDestroy {
  private ring: (KeyRing & { readonly at: number }) | undefined;
  private readonly opened = new Map<string, KeyObject>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: SigningKeyStore,
    private readonly config: AuthConfig,
    @InjectLog() private readonly log: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!this.config.signsOwn) return;
    await this.look();
    this.timer = setInterval(() => void this.look(), LOOK_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Undefined as long as HS256 signs. */
  current(): SigningKey | undefined {
    if (!this.config.signsOwn || !this.ring) return undefined;
    const now = this.ring.now + (performance.now() - this.ring.at);
    const row = this.ring.keys.find(({ signs_from }) => signs_from <= now);
    return row && { kid: row.kid, key: this.open(row) };
  }

  /** Public keys for whoever verifies, and until when tokens under the shared secret may end, in seconds; null: for ever. */
  async published() {
    const { keys, now } = await this.store.list();
    const [first] = keys.slice(-1);
    const firstSigned = first && this.config.signsOwn ? first.signs_from : undefined;
    return {
      keys: keys.filter((_, i) => now < this.verifiesUntil(keys, i)).map(({ jwk }) => jwk as never),
      shared_until: firstSigned === undefined ? null : Math.floor((firstSigned + this.config.tokenMs + CHANGE_MS) / 1_000),
    };
  }

  rotate() {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const kid = randomBytes(12).toString('base64url');
    const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
    const jwk = { kty, crv, x, y, kid, use: 'sig', alg: 'ES256' };
    return this.store.insert(kid, jwk, this.seal(privateKey.export({ format: 'der', type: 'pkcs8' })), this.config.keyTimes.publishMs);
  }

  /** The first one when ES256 is set, the next one so early that it is published in time; and those whose tokens have ended go. */
  async rotateIfDue(): Promise<void> {
    if (!this.config.signsOwn) return;
    const { keys, now } = await this.store.list();
    const [youngest] = keys;
    const { signMs, publishMs } = this.config.keyTimes;
    if (!youngest || youngest.signs_from + signMs - publishMs <= now) {
      const { kid, signs_from } = await this.rotate();
      this.log.info({ kid, signs_from }, 'the next key of access tokens is published');
    }
    const ended = keys.filter((_, i) => i < keys.length - 1 && this.verifiesUntil(keys, i) + CHANGE_MS <= now); // the first stays: it says since when
    if (ended.length > 0) await this.store.remove(ended.map(({ kid }) => kid));
  }

  /** Until the tokens that it has signed before its successor began. */
  private verifiesUntil(keys: readonly KeyRow[], i: number): number {
    const successor = keys[i - 1];
    return successor ? successor.signs_from + this.config.tokenMs + LOOK_MS * 5 : Infinity;
  }

  private async look(): Promise<void> {
    try {
      const at = performance.now();
      this.ring = { ...(await this.store.list()), at };
    } catch (error) {
      this.log.debug({ err: error }, 'keys not looked at'); // the ones that are known go on
    }
  }

  private open({ kid, sealed }: KeyRow): KeyObject {
    const known = this.opened.get(kid);
    if (known) return known;
    const key = createPrivateKey({ key: this.unseal(sealed), format: 'der', type: 'pkcs8' });
    this.opened.set(kid, key);
    return key;
  }

  /** AES-256-GCM: 12 bytes nonce, 16 bytes tag, the ciphertext. */
  private seal(bytes: Buffer): Buffer {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.config.sealingKey, nonce);
    const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]);
  }

  private unseal(sealed: Buffer): Buffer {
    const decipher = createDecipheriv('aes-256-gcm', this.config.sealingKey, sealed.subarray(0, 12));
    decipher.setAuthTag(sealed.subarray(12, 28));
    return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]);
  }
}
