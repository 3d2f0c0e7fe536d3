import { Database, type Transaction } from '@banyan/platform/database/database';
import { Outbox } from '@banyan/platform/events/outbox';
import type { UserActor } from '@banyan/platform/contract';
import { Injectable } from '@nestjs/common';
import { AuthStore, type Account } from './auth.store';
import { AccountNotFound, passwordChanged, PasswordTooCommon, PasswordTooLong, type Tokens, WrongPassword } from './contract';
import { Devices } from './devices';
import { LinkService } from './link.service';
import { LinkStore } from './link.store';
import { networkOf } from '@banyan/platform/keyvalue/networks';
import { isTooCommon } from './password-rules';
import { BCRYPT_BYTES, Passwords } from './passwords';
import { type Place, SessionService } from './session.service';
import { SignInGuard } from './sign-in-guard';

/** Setting and changing passwords. Whoever was signed in by the old one is signed in no more. */
@Injectable()
export class PasswordService {
  constructor(
    private readonly accounts: AuthStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly passwords: Passwords,
    private readonly sessions: SessionService,
    private readonly links: LinkService,
    private readonly linkStore: LinkStore,
    private readonly devices: Devices,
    private readonly guard: SignInGuard,
  ) {}

  /** As it is kept where accounts are at home. @throws PasswordTooCommon, PasswordTooLong */
  async hash(password: string, owner: { readonly email: string; readonly username: string }): Promise<string> {
    if (isTooCommon(password, owner)) throw PasswordTooCommon();
    return this.hashAsItIs(password);
  }

  /** The same answer after the same work, whether there is an account or not; slower for who guesses. @throws TooManyRequests */
  async compare(password: string, email: string, account: Account | undefined, { address = '', device }: Place): Promise<boolean> {
    const known = account && device !== undefined ? this.devices.recognise(account.id, device) : undefined;
    const network = networkOf(address);
    const attempt = { email, network, device: known, isAtHome: () => this.sessions.isAtHome(account?.id, network) };
    return this.guard.attempt(attempt, (isKnown) =>
      this.passwords.verify(password, account?.password_hash, { forLegacy: this.database.isLegacy, isKnown }),
    );
  }

  /**
   * What was kept in another form than is made now becomes that, while its password is known. Never in the way of a sign-in: where
   * others wait for a hash, it is the next sign-in's turn to do it.
   *
   * @returns what is kept now, unless somebody else has changed it meanwhile
   */
  async renew({ id, password_hash }: Account, password: string): Promise<string> {
    if (!this.passwords.isOutdated(password_hash, this.database.isLegacy) || this.passwords.isBusy) return password_hash;
    if (this.database.isLegacy && Buffer.byteLength(password) > BCRYPT_BYTES) return password_hash;
    const hash = await this.hashAsItIs(password);
    await this.accounts.replaceHash(id, password_hash, hash);
    return hash;
  }

  /** @throws WrongPassword, AccountNotFound, TooManyRequests */
  async confirm({ userId }: UserActor, password: string, place: Place): Promise<Account> {
    const account = await this.accounts.find(userId);
    if (!account) throw AccountNotFound();
    if (!(await this.compare(password, account.email, account, place))) throw WrongPassword();
    return account;
  }

  async change(actor: UserActor, current: string, next: string, place: Place): Promise<Tokens & { device_token: string }> {
    const account = await this.confirm(actor, current, place);
    if (!account.is_active) throw AccountNotFound();
    const hash = await this.hash(next, account);
    const tokens = await this.database.transaction(async (tx) => {
      const isSet = await this.set(tx, account.id, { hash, before: account.password_hash }, 'password_changed');
      return isSet ? this.sessions.beginIn(tx, account.id, place) : undefined;
    });
    if (!tokens) return this.change(actor, current, next, place); // it is another one since: is `current` still right?
    await this.sessions.spread(account.id, null);
    return { ...tokens, device_token: this.devices.tokenFor(account.id, place.device) };
  }

  /** A repeat with the same password, whose first answer was lost, is answered as the first. @throws InvalidLink, PasswordTooCommon, PasswordTooLong */
  async reset(token: string, password: string, { device }: Place) {
    const owner = await this.links.ownerOf('reset_password', token);
    const hash = await this.hash(password, owner);
    const userId = await this.links.use('reset_password', token, {
      work: async (tx, id) => {
        if (!(await this.set(tx, id, { hash }, 'password_reset'))) throw AccountNotFound();
        await this.accounts.verify(tx, id);
        return id;
      },
      again: async (id) => {
        const account = await this.accounts.find(id);
        return (await this.passwords.verify(password, account?.password_hash)) ? id : undefined;
      },
    });
    await this.sessions.spread(userId, null);
    return { success: true as const, device_token: this.devices.tokenFor(userId, device) };
  }

  /** @returns false, and nothing is changed, if the account is not active or has another hash than `before` */
  private async set(
    tx: Transaction,
    userId: string,
    change: { readonly hash: string; readonly before?: string },
    reason: 'password_changed' | 'password_reset',
  ): Promise<boolean> {
    const at = await this.accounts.setHash(tx, userId, change);
    if (at === undefined) return false;
    await this.linkStore.useAll(tx, userId, 'reset_password');
    await this.sessions.endAllIn(tx, userId, reason);
    await this.outbox.add(tx, passwordChanged, { user_id: userId, at }, { key: userId });
    return true;
  }

  private hashAsItIs(password: string): Promise<string> {
    if (!this.database.isLegacy) return this.passwords.hash(password);
    if (Buffer.byteLength(password) > BCRYPT_BYTES) throw PasswordTooLong();
    return this.passwords.hashForLegacy(password);
  }
}
