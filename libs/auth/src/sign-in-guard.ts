import { createHash } from 'node:crypto';
import { refusal, type Limits } from '@banyan/platform/keyvalue/limits';

/** Somebody tries a password. */
export interface Attempt {
  /** The address of the account that he names, in its normal form; whether there is one makes no difference here. */
  readonly email: string;
  /** Of the network that he calls from (`networkOf`). */
  readonly network: string;
  /** The device, if this account has been signed in to on it. */
  readonly device?: string;
  /** Whether this account has been signed in to from this network. Asked only when it matters. */
  isAtHome(): Promise<boolean>;
}

/** What a stranger may still do at an account under attack: mistype once. */
const UNDER_SIEGE = 2;

/**
 * Slows down whoever guesses passwords, and nobody else (docs/adr/0041-guessing.md). Failures are counted for who makes them: a
 * recognised device by itself, everybody else by network, per account (`guess`) and over all accounts (`spray`). What others fail at an
 * account never uses up what its owner has. It only makes the network of a stranger, from which nobody has signed in to this account,
 * count for less: many places with a few guesses each get one or two instead of ten.
 */
export class SignInGuard {
  /** Failures that are being made at this moment: a thousand at once must not all find the count of a moment ago. */
  private readonly underWay = new Map<string, number>();

  constructor(private readonly limits: Limits) {}

  /**
   * Runs `compare` if the attempt is admitted, and counts it if it fails. The refusal is the same for an account that exists and for
   * one that does not.
   *
   * @throws TooManyRequests
   */
  async attempt(attempt: Attempt, compare: (isKnown: boolean) => Promise<boolean>): Promise<boolean> {
    const account = createHash('sha256').update(attempt.email).digest('base64url');
    const { device, network } = attempt;
    if (device !== undefined) return this.counted([['guess', `${account}/device/${device}`]], () => compare(true));
    await this.limits.takeShared('login', network);
    const own = `${account}/${network}`;
    const isUnderSiege = (await this.limits.noted('siege', account)) >= (this.limits.limit('siege')?.count ?? Infinity);
    const isStranger = isUnderSiege && !(await attempt.isAtHome());
    const allowed = isStranger ? UNDER_SIEGE : undefined;
    const isRight = await this.counted(
      [
        ['guess', own, allowed],
        ['spray', network],
      ],
      () => compare(isUnderSiege && !isStranger),
    );
    if (!isRight) await this.limits.note('siege', account);
    return isRight;
  }

  private async counted(
    budgets: readonly (readonly [name: string, subject: string, allowed?: number])[],
    compare: () => Promise<boolean>,
  ): Promise<boolean> {
    const keys = budgets.map(([name, subject]) => `${name}:${subject}`);
    const noted = await Promise.all(budgets.map(([name, subject]) => this.limits.noted(name, subject)));
    budgets.forEach(([name, , allowed], i) => {
      const limit = this.limits.limit(name);
      if (limit && noted[i]! + (this.underWay.get(keys[i]!) ?? 0) >= Math.min(limit.count, allowed ?? Infinity))
        throw refusal(limit.windowMs);
    });
    for (const key of keys) this.underWay.set(key, (this.underWay.get(key) ?? 0) + 1);
    try {
      const isRight = await compare();
      if (!isRight) await Promise.all(budgets.map(([name, subject]) => this.limits.note(name, subject)));
      return isRight;
    } finally {
      for (const key of keys) {
        const left = this.underWay.get(key)! - 1;
        if (left > 0) this.underWay.set(key, left);
        else this.underWay.delete(key);
      }
    }
  }
}
