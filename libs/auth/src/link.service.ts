import { type KeyObject, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { EventDefinition } from '@banyan/platform/contract';
import { Database, type Transaction } from '@banyan/platform/database/database';
import { Outbox } from '@banyan/platform/events/outbox';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { AuthConfig } from './auth.config';
import { AuthStore, type Account } from './auth.store';
import { emailVerificationRequested, InvalidLink, type LinkPurpose, NoLink, passwordResetRequested } from './contract';
import { LinkStore } from './link.store';
import { hashOf } from './refresh-tokens';
import { derivedKey, macOf } from './secrets';

const HOUR = 3_600;

/** Where its page is, how long it is good, and what announces that a mail with it is wanted. */
const KINDS = {
  verify_email: { page: 'verify-email', lifeSeconds: 7 * 24 * HOUR, event: emailVerificationRequested },
  reset_password: { page: 'reset-password', lifeSeconds: HOUR, event: passwordResetRequested },
} as const satisfies Record<LinkPurpose, { page: string; lifeSeconds: number; event: EventDefinition }>;

/** Mails of one kind to one account in an hour; beyond that nothing is sent, and the last link stays good. */
const MAILS_AN_HOUR = 3;

/** The answer to whoever asks for a mail comes so long after his question: writing one down takes milliseconds that would tell of it. */
const ANSWER_MS = 100;

export class LinkKey {
  readonly key: KeyObject;

  constructor(secret: string) {
    this.key = derivedKey(secret, 'mailed links');
  }
}

/**
 * The links of mails. Whoever sends mail asks for one by the id of its request; its token follows from that id, a salt and a key, so that
 * no event and no table carries it, and who asks again gets the same. It stands behind the `#`, which no server sees, and the page sends
 * it on: a program that only follows links uses nothing up.
 */
@Injectable()
export class LinkService {
  constructor(
    private readonly store: LinkStore,
    private readonly accounts: AuthStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly secret: LinkKey,
    private readonly config: AuthConfig,
  ) {}

  /** A mail is wanted. Whether there will be one is not to be seen from outside. */
  async request(purpose: LinkPurpose, email: string): Promise<{ success: true }> {
    await Promise.all([this.ask(purpose, email), pause(ANSWER_MS)]);
    return { success: true };
  }

  private async ask(purpose: LinkPurpose, email: string): Promise<void> {
    const account = await this.accounts.findByEmail(email);
    if (account && isWanted(purpose, account)) {
      const requestId = uuidv7();
      await this.database.transaction(async (tx) => {
        if ((await this.store.countRecent(tx, account.id, purpose)) >= MAILS_AN_HOUR) return;
        await this.store.insertOnce(tx, this.draft(purpose, requestId, account.id));
        await this.outbox.add(tx, KINDS[purpose].event, { request_id: requestId, user_id: account.id }, { key: account.id });
      });
    }
  }

  /** A new account has a link under its own id: nobody asked for it, its event did. */
  async get(userId: string, purpose: LinkPurpose, requestId: string) {
    const account = await this.accounts.find(userId);
    if (!account || !isWanted(purpose, account)) throw NoLink();
    if (purpose === 'verify_email' && requestId === userId)
      await this.store.insertOnce(this.database, this.draft(purpose, requestId, userId));
    const row = await this.store.find(purpose, requestId, userId);
    if (!row?.is_good) throw NoLink();
    const url = `${this.config.publicUrl}/account/${KINDS[purpose].page}#${this.token(purpose, requestId, row.salt)}`;
    return { email: account.email, username: account.username, url, expires_at: row.expires_at };
  }

  /** Whose it is, or was. @throws InvalidLink */
  async ownerOf(purpose: LinkPurpose, token: string): Promise<Account> {
    const userId = await this.store.findOwner(purpose, hashOf(token));
    const account = userId === undefined ? undefined : await this.accounts.find(userId);
    if (!account?.is_active) throw InvalidLink();
    return account;
  }

  /**
   * Runs `work` for the user whose link it is, once. `again` decides about one that was used: a lost answer is asked for again.
   *
   * @throws InvalidLink
   */
  async use<T>(
    purpose: LinkPurpose,
    token: string,
    { work, again }: { work: (tx: Transaction, userId: string) => Promise<T>; again: (userId: string) => Promise<T | undefined> },
  ): Promise<T> {
    const hash = hashOf(token);
    const done = await this.database.transaction(async (tx) => {
      const row = await this.store.lockByHash(tx, purpose, hash);
      if (!row) throw InvalidLink();
      if (!row.is_good) return { isNew: false as const, userId: row.used_at === null ? undefined : row.user_id };
      await this.store.use(tx, hash);
      return { isNew: true as const, result: await work(tx, row.user_id) };
    });
    if (done.isNew) return done.result;
    const repeated = done.userId === undefined ? undefined : await again(done.userId);
    if (repeated === undefined) throw InvalidLink();
    return repeated;
  }

  /** A repeat is answered as the first. @throws InvalidLink */
  async verifyEmail(token: string): Promise<{ success: true }> {
    await this.use('verify_email', token, {
      work: async (tx, userId) => {
        await this.accounts.verify(tx, userId);
        return true;
      },
      again: async (userId) => ((await this.accounts.find(userId))?.is_verified ? true : undefined),
    });
    return { success: true };
  }

  private draft(purpose: LinkPurpose, requestId: string, userId: string) {
    const salt = randomBytes(16);
    const token_hash = hashOf(this.token(purpose, requestId, salt));
    return { purpose, request_id: requestId, user_id: userId, salt, token_hash, lifeSeconds: KINDS[purpose].lifeSeconds };
  }

  private token(purpose: LinkPurpose, requestId: string, salt: Uint8Array): string {
    return macOf(this.secret.key, purpose, requestId, salt).toString('base64url');
  }
}

function isWanted(purpose: LinkPurpose, { is_active, is_verified }: Account): boolean {
  return is_active && !(purpose === 'verify_email' && is_verified);
}
