import { LRUCache } from 'lru-cache';
import { CallerNotFound, type DomainError, InvalidToken, type UserActor } from '../contract';
import { LAST_KNOWN_MS } from '../keyvalue/last-known';
import type { Caller } from '../tokens/caller-state';
import type { Claims, TokenVerifier } from '../tokens/verifier';

/** Where accounts are kept. */
export interface Accounts {
  /** Undefined if there is no such user (any more). @throws Unavailable and the like if nobody can be asked */
  find(userId: string, sessionId: string | undefined): Promise<Caller | undefined>;
  /** The generation that is in force; undefined if that is not known. @throws KeyValueUnavailable */
  generation(userId: string): Promise<string | undefined>;
  /** What was last read by anybody, not long ago, about a caller whose generation is still that. @throws KeyValueUnavailable */
  lastKnown(userId: string, sessionId: string | undefined): Promise<Caller | undefined>;
}

export interface CallerTimes {
  /** So long an answer is believed without a look. */
  readonly freshMs: number;
  /** So long it is believed as long as its generation is in force. */
  readonly confirmedMs: number;
  /** So long it is the last known one, when accounts cannot be asked about. */
  readonly knownMs: number;
}

export const CALLER_TIMES: CallerTimes = { freshMs: 1_000, confirmedMs: 10_000, knownMs: LAST_KNOWN_MS };

interface Remembered {
  readonly caller: Caller;
  readonly readAt: number;
  lookedAt: number;
  /** Not read anew when it should have been: accounts cannot be asked about. */
  isStale: boolean;
}

const REMEMBERED_CALLERS = 100_000;
/** Of a user who has more at a time, all are asked for again. */
const SESSIONS_OF_ONE = 64;

/**
 * Who calls: a verified token of a user who exists and is active, in a session that has not ended.
 *
 * The truth is asked of accounts. Their answer is believed for a second, then for some more as long as the key-value store says that its
 * generation is still in force, and forgotten at once when it is told that the account has changed. When accounts cannot be asked about,
 * the last known answer serves for a while, unless it is known to be old (docs/adr/0040-sessions.md).
 */
export class Callers {
  private readonly known: LRUCache<string, Map<string, Remembered>>;
  private readonly asked = new Map<string, Promise<Remembered | undefined>>();
  private awayUntil = 0;

  constructor(
    private readonly verifier: TokenVerifier,
    private readonly accounts: Accounts,
    private readonly times: CallerTimes = CALLER_TIMES,
  ) {
    this.known = new LRUCache({ max: REMEMBERED_CALLERS, ttl: times.knownMs });
  }

  /**
   * @param certain the last known answer is not enough
   * @throws InvalidToken, CallerNotFound; Unavailable and the like if nothing is known of him
   */
  async identify(token: string, { certain = false }: { certain?: boolean } = {}): Promise<UserActor> {
    const claims = await this.verifier.verify(token);
    const { sub: userId, sid: sessionId, exp: until } = claims;
    const { caller, isStale } = await this.get(claims, certain);
    if (!caller.is_active || (sessionId === undefined ? until <= caller.tokens_until : !caller.is_live)) throw InvalidToken();
    // What nobody confirms gives nobody more rights than everybody has.
    return { kind: 'user', userId, role: isStale ? 'user' : caller.role, ...(sessionId === undefined ? {} : { sessionId }), until };
  }

  /** Whether it is a token of ours that has not expired, whatever has become of its user. */
  isSigned(token: string): Promise<boolean> {
    return this.verifier.verify(token).then(
      () => true,
      () => false,
    );
  }

  /** The account changed: what was remembered, and what is being asked at this moment, may be old. */
  forget(userId: string): void {
    this.known.delete(userId);
    for (const key of this.asked.keys()) if (key.startsWith(userId)) this.asked.delete(key);
  }

  private async get(claims: Claims, certain: boolean): Promise<Remembered> {
    const remembered = this.remembered(claims);
    const isFresh = remembered && performance.now() - remembered.lookedAt < this.times.freshMs && !(certain && remembered.isStale);
    const found = isFresh ? remembered : await this.once(claims, certain);
    if (!found) throw CallerNotFound();
    return found;
  }

  /** Many requests of one caller that arrive together ask once. */
  private once(claims: Claims, certain: boolean): Promise<Remembered | undefined> {
    const key = `${claims.sub}/${claims.sid ?? ''}/${certain}`;
    const running = this.asked.get(key);
    if (running) return running;
    const isCurrent = () => this.asked.get(key) === question;
    const question: Promise<Remembered | undefined> = this.look(claims, certain, isCurrent).finally(() => {
      if (isCurrent()) this.asked.delete(key);
    });
    this.asked.set(key, question);
    return question;
  }

  private async look(claims: Claims, certain: boolean, isCurrent: () => boolean): Promise<Remembered | undefined> {
    const { sub: userId, sid: sessionId } = claims;
    const remembered = this.remembered(claims);
    const generation = remembered ? await this.accounts.generation(userId).catch(() => undefined) : undefined;
    const isInForce = generation !== undefined && generation === remembered?.caller.generation;
    const isYoung = remembered && performance.now() - remembered.readAt < this.times.confirmedMs;
    if (isInForce && isYoung) return Object.assign(remembered, { lookedAt: performance.now(), isStale: false });
    // Generations differ: it is not only unconfirmed but old.
    const isOld = generation !== undefined && !isInForce;
    try {
      if (!certain && performance.now() < this.awayUntil) throw AWAY;
      const caller = await this.accounts.find(userId, sessionId);
      if (!caller) return undefined;
      const read = fresh(caller);
      if (isCurrent()) this.remember(claims, read);
      return read;
    } catch (error) {
      if (error !== AWAY && !isAway(error)) throw error;
      if (error !== AWAY) this.awayUntil = performance.now() + this.times.freshMs;
      const last = certain ? undefined : await this.lastKnown(claims, isOld ? undefined : remembered);
      if (last && isCurrent()) this.remember(claims, last);
      if (last) return last;
      // Others wait for accounts no more, but who is not known to anybody has to ask himself.
      if (error === AWAY) {
        this.awayUntil = 0;
        return this.look(claims, certain, isCurrent);
      }
      throw error;
    }
  }

  private async lastKnown({ sub, sid }: Claims, remembered: Remembered | undefined): Promise<Remembered | undefined> {
    const isKnown = remembered && performance.now() - remembered.readAt < this.times.knownMs;
    if (isKnown) return Object.assign(remembered, { lookedAt: performance.now(), isStale: true });
    const caller = await this.accounts.lastKnown(sub, sid).catch(() => undefined);
    return caller && { ...fresh(caller), isStale: true };
  }

  private remembered({ sub, sid = '' }: Claims): Remembered | undefined {
    return this.known.get(sub)?.get(sid);
  }

  private remember({ sub, sid = '' }: Claims, read: Remembered): void {
    const own = this.known.get(sub) ?? new Map<string, Remembered>();
    if (own.size >= SESSIONS_OF_ONE) own.clear();
    this.known.set(sub, own.set(sid, read));
  }
}

const AWAY = Symbol('not asked: accounts were away a moment ago');

const fresh = (caller: Caller): Remembered => ({ caller, readAt: performance.now(), lookedAt: performance.now(), isStale: false });

/** 503 and 504 say that nobody answers; everything else is an answer. */
function isAway(error: unknown): boolean {
  const { status } = error as Partial<DomainError>;
  return status === 503 || status === 504;
}
