import { hash, verify } from '@node-rs/argon2';
import { hash as bcrypt, verify as verifyBcrypt } from '@node-rs/bcrypt';
import { Injectable } from '@nestjs/common';
import { HashQueue } from './hash-queue';

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. The library's default algorithm is argon2id. */
const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const CURRENT = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/;
/** bcrypt never saw more of a password than this. */
export const BCRYPT_BYTES = 72;
/** Legacy's. */
const BCRYPT_COST = 12;
const LEGACYS = /^\$2[aby]\$12\$/;
/** A hash as legacy reads them that no password has: the account is being removed. */
export const NO_PASSWORD = `$2b$12$${'.'.repeat(53)}`;

export interface Comparison {
  /** Most accounts have hashes as legacy makes them: what stands for a missing one takes as long. */
  readonly forLegacy?: boolean;
  /** Goes before strangers. */
  readonly isKnown?: boolean;
}

/** New passwords become argon2id, or bcrypt as long as legacy reads the same accounts; its own hashes verify as they did there. */
@Injectable()
export class Passwords {
  private readonly queue = new HashQueue();
  /** Compared against when there is no account, so that the answer takes as long. */
  private readonly nobodys: Record<'argon2' | 'bcrypt', Promise<string> | undefined> = { argon2: undefined, bcrypt: undefined };

  hash(password: string): Promise<string> {
    return this.queue.run(() => hash(password, ARGON2));
  }

  /** `$2b$12$…`, which legacy reads. It would ignore what comes after 72 bytes: the caller refuses that. */
  async hashForLegacy(password: string): Promise<string> {
    const made = await this.queue.run(() => bcrypt(password, BCRYPT_COST));
    return made.replace(/^\$2y\$/, '$2b$'); // two names of one algorithm; legacy's is the second
  }

  /** False for a missing hash too, and for one of a kind we do not know, in the time of a real comparison. */
  async verify(password: string, kept: string | undefined, { forLegacy = false, isKnown }: Comparison = {}): Promise<boolean> {
    const reference = kept !== undefined && isHash(kept) ? kept : await this.nobody(forLegacy ? 'bcrypt' : 'argon2');
    const isRight = await this.queue.run(() => compare(password, reference), { isKnown });
    return isRight && reference === kept;
  }

  /** Whether a hash would have to wait now. */
  get isBusy(): boolean {
    return this.queue.isBusy;
  }

  /** A kept hash is to be made anew when its password is seen: it is not of the kind that is made there now. */
  isOutdated(kept: string, forLegacy: boolean): boolean {
    return !(forLegacy ? LEGACYS : CURRENT).test(kept);
  }

  private nobody(kind: 'argon2' | 'bcrypt'): Promise<string> {
    const password = 'no account has this password';
    return (this.nobodys[kind] ??= kind === 'argon2' ? hash(password, ARGON2) : bcrypt(password, BCRYPT_COST));
  }
}

const isHash = (kept: string): boolean => /^\$argon2id?\$|^\$2[abxy]\$/.test(kept);

async function compare(password: string, kept: string): Promise<boolean> {
  if (kept.startsWith('$argon2')) return verify(kept, password).catch(() => false); // a damaged hash fits no password
  return verifyBcrypt(Buffer.from(password).subarray(0, BCRYPT_BYTES), kept).catch(() => false);
}
