import { availableParallelism } from 'node:os';
import { Unavailable } from '@banyan/platform/contract';
import { hash, verify } from '@node-rs/argon2';
import { hash as bcrypt, verify as verifyBcrypt } from '@node-rs/bcrypt';
import { Injectable } from '@nestjs/common';

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. The library's default algorithm is argon2id. */
const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** bcrypt never saw more of a password than this. */
export const BCRYPT_BYTES = 72;
/** Legacy's. */
const BCRYPT_COST = 12;
/** Hashes run in libuv's pool of four threads, which others need too. */
const AT_ONCE = Math.max(1, Math.min(2, availableParallelism() - 1));
const WAITING = 256;

/** New passwords become argon2id, or bcrypt as long as legacy reads the same accounts; its own hashes verify as they did there. */
@Injectable()
export class Passwords {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  /** Compared against when there is no account, so that the answer takes as long. */
  private readonly nobodys = hash('no account has this password', ARGON2);

  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(password, ARGON2));
  }

  /** `$2b$12$…`, which legacy reads. It would ignore what comes after 72 bytes: the caller refuses that. */
  async hashForLegacy(password: string): Promise<string> {
    const made = await this.inTurn(() => bcrypt(password, BCRYPT_COST));
    return made.replace(/^\$2y\$/, '$2b$'); // two names of one algorithm; legacy's is the second
  }

  /** False for a missing hash too, and for one of a kind we do not know, in the time of a real comparison. */
  async verify(password: string, kept: string | undefined): Promise<boolean> {
    const reference = kept ?? (await this.nobodys);
    const isRight = await this.inTurn(() => compare(password, reference));
    return isRight && kept !== undefined;
  }

  /** At most a few at once, and a bounded queue behind them: a crowd at the sign-in does not stop everything else. */
  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= AT_ONCE) {
      if (this.waiting.length >= WAITING) throw Unavailable();
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.running++;
    }
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}

async function compare(password: string, kept: string): Promise<boolean> {
  if (/^\$argon2id?\$/.test(kept)) return verify(kept, password).catch(() => false); // a damaged hash fits no password
  if (/^\$2[abxy]\$/.test(kept)) return verifyBcrypt(Buffer.from(password).subarray(0, BCRYPT_BYTES), kept).catch(() => false);
  return false;
}
