import { randomBytes } from 'node:crypto';
import type { CallContext, ClientOf, Actor, UserActor } from '@banyan/platform/contract';
import { InvalidToken } from '@banyan/platform/contract';
import { Database, type Transaction } from '@banyan/platform/database/database';
import { Client } from '@banyan/platform/dispatch/client';
import { Outbox } from '@banyan/platform/events/outbox';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { CallerState } from '@banyan/platform/tokens/caller-state';
import { TokenVerifier } from '@banyan/platform/tokens/verifier';
import { websocketContract } from '@banyan/websocket/contract';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { z } from 'zod';
import { AccessTokens } from './access-tokens';
import { AuthConfig } from './auth.config';
import { AccountNotFound, type EndReason, InvalidRefreshToken, SessionNotFound, sessionRevoked, type Tokens } from './contract';
import { networkOf } from '@banyan/platform/keyvalue/networks';
import { hashOf, RefreshTokens } from './refresh-tokens';
import { SessionStore } from './session.store';

type Reason = z.output<typeof EndReason>;

/** From where somebody signs in, as far as it is known. */
export type Place = Pick<CallContext<Actor>, 'address' | 'agent' | 'device'>;

/** A refresh token shown again so soon is a lost answer or a crowd of tabs, not a thief. */
const GRACE_SECONDS = 30;
/** Of one user; a client that signs in without ever signing out must not fill the table. */
const SESSIONS_OF_ONE = 100;

/** Who is signed in where: how that begins, goes on and ends. */
@Injectable()
export class SessionService {
  constructor(
    private readonly store: SessionStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly accessTokens: AccessTokens,
    private readonly refreshTokens: RefreshTokens,
    private readonly verifier: TokenVerifier,
    private readonly callers: CallerState,
    private readonly config: AuthConfig,
    @InjectLog() private readonly log: Logger,
    @Client(websocketContract) private readonly sockets: ClientOf<typeof websocketContract>,
  ) {}

  /** @returns undefined if the account is not active any more, or its password is kept otherwise than when it was looked at */
  begin(userId: string, passwordHash: string, place: Place): Promise<Tokens | undefined> {
    return this.database.transaction(async (tx) =>
      (await this.store.holdAccount(tx, userId)) === passwordHash ? this.beginIn(tx, userId, place) : undefined,
    );
  }

  /** The account is locked in this transaction: what ends all sessions must not miss this one. */
  async beginIn(tx: Transaction, userId: string, { address, agent }: Place): Promise<Tokens> {
    const id = uuidv7();
    const refresh_token = this.refreshTokens.first(id);
    await this.store.insert(tx, {
      id,
      user_id: userId,
      salt: randomBytes(16),
      token_hash: hashOf(refresh_token),
      network: address === undefined ? null : networkOf(address),
      address: address ?? null,
      agent: agent ?? null,
      lifeSeconds: this.lifeSeconds,
    });
    if ((await this.store.endOldest(tx, userId, SESSIONS_OF_ONE)) > 0) tx.onCommit(() => void this.tell(userId));
    return { ...this.accessTokens.issue(userId, id), refresh_token, session_id: id };
  }

  /** The row's lock puts those who show one token at once in a line: the first exchanges it, the others get what he got. */
  async refresh(token: string): Promise<Tokens> {
    const shown = this.refreshTokens.read(token);
    if (!shown) throw InvalidRefreshToken();
    const { sessionId } = shown;
    const hash = hashOf(token);
    const outcome = await this.database.transaction(async (tx) => {
      const session = await this.store.lock(tx, sessionId, GRACE_SECONDS);
      if (!session || session.is_over || !session.is_active) return undefined;
      const { user_id, salt } = session;
      const refresh_token = this.refreshTokens.successor(shown, salt);
      if (session.token_hash.equals(hash)) {
        await this.store.rotate(tx, sessionId, { previous: hash, next: hashOf(refresh_token), lifeSeconds: this.lifeSeconds });
        return { user_id, refresh_token };
      }
      if (session.in_grace && session.previous_hash?.equals(hash)) return { user_id, refresh_token };
      // It was good once, and somebody has used it since. Who of the two is the thief cannot be told.
      await this.endIn(tx, user_id, sessionId, 'refresh_reused');
      return { user_id, refresh_token: undefined };
    });
    if (!outcome) throw InvalidRefreshToken();
    const { user_id, refresh_token } = outcome;
    if (refresh_token === undefined) {
      this.log.warn({ user_id, session_id: sessionId }, 'a used refresh token was shown again: its session is ended');
      await this.spread(user_id, sessionId);
      throw InvalidRefreshToken();
    }
    return { ...this.accessTokens.issue(user_id, sessionId), refresh_token, session_id: sessionId };
  }

  async list(userId: string, currentId: string | undefined) {
    return (await this.store.list(userId)).map((session) => ({ ...session, is_current: session.id === currentId }));
  }

  /** Of a token without a session only its end is known: with it end all such tokens that are not younger. */
  async logout({ userId, sessionId, until = 0 }: UserActor) {
    if (sessionId !== undefined) return this.endOne(userId, sessionId, 'logout');
    await this.database.transaction(async (tx) => {
      await this.store.cutOff(tx, userId, until);
      await this.announce(tx, userId, null, 'logout');
    });
    return this.spread(userId, null);
  }

  async logoutAll(userId: string) {
    await this.database.transaction((tx) => this.endAllIn(tx, userId, 'logout_all'));
    return this.spread(userId, null);
  }

  async end(userId: string, sessionId: string) {
    if (!(await this.store.exists(userId, sessionId))) throw SessionNotFound();
    return this.endOne(userId, sessionId, 'ended');
  }

  private async endOne(userId: string, sessionId: string, reason: Reason) {
    await this.database.transaction((tx) => this.endIn(tx, userId, sessionId, reason));
    return this.spread(userId, sessionId);
  }

  private async endIn(tx: Transaction, userId: string, sessionId: string, reason: Reason): Promise<void> {
    if (await this.store.end(tx, userId, sessionId, reason)) await this.announce(tx, userId, sessionId, reason);
  }

  /** Every session, and every token that has none. `spread` follows the commit. */
  async endAllIn(tx: Transaction, userId: string, reason: Reason): Promise<void> {
    await this.store.endAll(tx, userId, reason);
    await this.store.cutOff(tx, userId, Math.floor(Date.now() / 1000) + this.accessTokens.lifeSeconds);
    await this.announce(tx, userId, null, reason);
  }

  private announce(tx: Transaction, userId: string, sessionId: string | null, reason: Reason): Promise<void> {
    return this.outbox.add(tx, sessionRevoked, { user_id: userId, session_id: sessionId, reason }, { key: userId });
  }

  /** To whoever remembers callers and holds sockets, before the answer. What is not reached now is reached by the event. */
  async spread(userId: string, sessionId: string | null): Promise<{ success: true }> {
    await Promise.all([
      this.tell(userId),
      this.sockets
        .endSessions({ user_id: userId, session_id: sessionId })
        .catch((error: unknown) => this.log.warn({ err: error, user_id: userId }, 'sockets not closed yet')),
    ]);
    return { success: true };
  }

  private async tell(userId: string): Promise<void> {
    await this.callers.generations.renew(userId).catch((error: unknown) => {
      this.log.warn({ err: error, user_id: userId }, 'edges not told yet');
    });
  }

  /**
   * The generation first, then the truth: what changes in between makes the answer one of an older generation. The answer is left for
   * those who cannot ask later.
   */
  async getCaller(userId: string, sessionId: string | undefined) {
    const { generations, lastKnown } = this.callers;
    const known = await generations.get(userId).catch(() => null);
    const generation = known === null ? null : (known ?? (await generations.ensure(userId).catch(() => null)));
    try {
      const row = await this.store.findCaller(userId, sessionId ?? null);
      if (!row) throw AccountNotFound();
      const caller = { ...row, generation };
      if (generation !== null) await lastKnown.put(userId, sessionId ?? '', caller).catch(() => undefined);
      return caller;
    } catch (error) {
      // A new one would make others believe that what they know is old, and there is nothing newer to be had.
      if (known === undefined) await generations.forget(userId).catch(() => undefined);
      throw error;
    }
  }

  /** Whether somebody has signed in to the account from that network. */
  async isAtHome(userId: string | undefined, network: string): Promise<boolean> {
    return userId !== undefined && (await this.store.isKnownNetwork(userId, network));
  }

  async verify(token: string) {
    const { sub, sid, exp } = await this.verifier.verify(token);
    const row = await this.store.findCaller(sub, sid ?? null);
    if (!row) throw AccountNotFound();
    if (!row.is_active || !row.is_live || (sid === undefined && exp <= row.tokens_until)) throw InvalidToken();
    return { user_id: sub, session_id: sid ?? null, role: row.role, expires_at: new Date(exp * 1_000).toISOString() };
  }

  /** No session ends before the tokens that it has given out. */
  private get lifeSeconds(): number {
    return Math.max(this.config.refreshSeconds, this.accessTokens.lifeSeconds);
  }
}
