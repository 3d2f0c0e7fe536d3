import { LRUCache } from 'lru-cache';
import { CallerNotFound, InvalidToken, type UserActor } from '../contract';
import { bearerToken, type TokenVerifier } from './token';

/** What the edge must know of a caller beyond his token. */
export interface Caller {
  readonly role: string;
  readonly is_active: boolean;
}

/** Finds a caller where accounts are kept; undefined if there is none (any more). */
export type FindCaller = (userId: string) => Promise<Caller | undefined>;

const REMEMBERED_CALLERS = 100_000;

/**
 * Who calls: a verified token of a user who exists and is active. The look-up is remembered for seconds and forgotten at once when
 * the account changes.
 */
export class Callers {
  private readonly known: LRUCache<string, Caller>;
  private readonly asked = new Map<string, Promise<Caller | undefined>>();

  constructor(
    private readonly verifier: TokenVerifier,
    private readonly find: FindCaller,
    { rememberMs = 5_000 }: { rememberMs?: number } = {},
  ) {
    this.known = new LRUCache({ max: REMEMBERED_CALLERS, ttl: rememberMs });
  }

  /** @throws NotAuthenticated, InvalidScheme, InvalidToken, CallerNotFound */
  async identify(authorization: string | undefined): Promise<UserActor> {
    const { sub: userId } = await this.verifier.verify(bearerToken(authorization));
    const caller = this.known.get(userId) ?? (await this.ask(userId));
    if (!caller) throw CallerNotFound();
    if (!caller.is_active) throw InvalidToken();
    return { kind: 'user', userId, role: caller.role };
  }

  /** The account changed: what was remembered, and what is being asked at this moment, may be old. */
  forget(userId: string): void {
    this.known.delete(userId);
    this.asked.delete(userId);
  }

  /** Many requests of one caller that arrive together ask once. */
  private ask(userId: string): Promise<Caller | undefined> {
    const running = this.asked.get(userId);
    if (running) return running;
    const question = this.find(userId)
      .then((caller) => {
        if (caller && this.asked.get(userId) === question) this.known.set(userId, caller);
        return caller;
      })
      .finally(() => {
        if (this.asked.get(userId) === question) this.asked.delete(userId);
      });
    this.asked.set(userId, question);
    return question;
  }
}
