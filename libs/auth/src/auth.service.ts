import { type ClientOf, type Input, isError, type Output } from '@banyan/platform/contract';
import { Coalescer } from '@banyan/platform/database/coalesce';
import { Database } from '@banyan/platform/database/database';
import { currentContext } from '@banyan/platform/dispatch/context';
import { findAnswer, hashBody, type KeyedRequest, once } from '@banyan/platform/database/request-keys';
import { Client } from '@banyan/platform/dispatch/client';
import { Outbox } from '@banyan/platform/events/outbox';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { type Profile, userContract, UserNotFound } from '@banyan/user/contract';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { type Account, AuthStore } from './auth.store';
import { AccountNotFound, AlreadyRegistered, InvalidCredentials, type login, type me, type register, userRegistered } from './contract';
import { OneAtATime } from './one-at-a-time';
import { Devices } from './devices';
import { PasswordService } from './password.service';
import { Passwords } from './passwords';
import { type Place, SessionService } from './session.service';

/** Whoever registers has no id yet; his key is kept under this one together with his address, and is worth nothing without his password. */
const NOBODY = '00000000-0000-0000-0000-000000000000';
const KEY_LIFE_MS = 24 * 3_600_000;

/** What only the registration knows about the person: it goes with the call that makes the profile, and with its event. */
interface ProfileStart {
  readonly full_name: string | null;
  readonly public_key: string | null;
}

@Injectable()
export class AuthService {
  private readonly registering = new OneAtATime();

  /** Whoever asks at the same moment who is signed in shares a statement. */
  private readonly finding = new Coalescer<string, Account | undefined>((ids, bounds) => this.store.findEach(ids, bounds), {
    deadlineOf: () => currentContext()?.deadline,
  });

  constructor(
    private readonly store: AuthStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly hashes: Passwords,
    private readonly passwords: PasswordService,
    private readonly sessions: SessionService,
    private readonly devices: Devices,
    @InjectLog() private readonly log: Logger,
    @Client(userContract) private readonly users: ClientOf<typeof userContract>,
  ) {}

  /** A crowd that registers one address at once waits here for the first, instead of hashing a password each. */
  register(draft: Input<typeof register>, key: string, place: Place) {
    return this.registering.run(draft.email, () => this.registerOne(draft, key, place));
  }

  /** The hash of a password takes long, so it is made before the transaction; the unique columns decide who is first. */
  private async registerOne({ email, username, password, ...draft }: Input<typeof register>, key: string, place: Place) {
    const start = { full_name: draft.full_name ?? null, public_key: draft.public_key || null };
    const request = {
      userId: NOBODY,
      key: hashBody([email, key]), // two strangers may think of one key
      operation: 'auth.register',
      body: { email, username, ...start },
      ttlMs: KEY_LIFE_MS,
    };
    const taken = await this.store.findTaken(email, username);
    if (taken) return this.registeredBefore(taken, request, password, start, place);
    const id = uuidv7();
    const password_hash = await this.passwords.hash(password, { email, username });
    const made = await this.database.transaction((tx) =>
      once(tx, request, async () => {
        const account = await this.store.insertOnce(tx, { id, email, username, password_hash });
        if (!account) throw AlreadyRegistered();
        const { created_at } = account;
        await this.outbox.add(tx, userRegistered, { user_id: id, email, username, ...start, created_at }, { key: id });
        return { id, created_at };
      }),
    );
    // Another process was faster with this key, perhaps for somebody who guessed it.
    if (made.id !== id) return this.registeredBefore(await this.get(made.id), request, password, start, place);
    return this.registered({ ...made, email, username, password_hash, role: 'user' }, start, place);
  }

  /** Taken by this very request, whose answer was lost? Its key says so, and the password proves that it is the same person. */
  private async registeredBefore(taken: Account, request: KeyedRequest, password: string, start: ProfileStart, place: Place) {
    const before = await findAnswer<{ id: string }>(this.database, request);
    if (before?.id !== taken.id || !(await this.hashes.verify(password, taken.password_hash))) throw AlreadyRegistered();
    return this.registered(taken, start, place);
  }

  private async registered(
    account: Pick<Account, 'id' | 'email' | 'username' | 'password_hash' | 'role' | 'created_at'>,
    start: ProfileStart,
    place: Place,
  ) {
    const { id, email, username, role, created_at } = account;
    const profile = await this.users.createProfile({ user_id: id, email, username, ...start, created_at }).catch((error: unknown) => {
      this.log.warn({ err: error, user_id: id }, 'profile not made at registration; its event makes it');
      return undefined;
    });
    const full_name = profile?.full_name ?? start.full_name;
    const public_key = profile?.public_key ?? start.public_key ?? placeholderKey(username);
    const tokens = await this.begin(account, account.password_hash, place);
    if (!tokens) throw AlreadyRegistered(); // and changed or removed since
    return { ...tokens, user: { id, email, username, full_name, public_key, is_active: true, role, avatar_url: null, created_at } };
  }

  /** @throws InvalidCredentials, TooManyRequests */
  async login(email: string, password: string, place: Place): Promise<Output<typeof login>> {
    const account = await this.store.findByEmail(email);
    const isRight = await this.passwords.compare(password, email, account, place);
    if (!account || !isRight || !account.is_active) throw InvalidCredentials();
    const hash = await this.passwords.renew(account, password);
    const { full_name, public_key } = await this.profileOf(account);
    const { id, username, is_active, role } = account;
    const tokens = await this.begin(account, hash, place);
    if (!tokens) return this.login(email, password, place); // another password since, or none: whoever knows only the old one stays outside
    return { ...tokens, user: { id, email: account.email, username, full_name, public_key, is_active, role } };
  }

  async getMe(userId: string): Promise<Output<typeof me>> {
    const account = await this.finding.add(userId);
    if (!account) throw AccountNotFound();
    const { full_name, public_key, avatar_url, bio } = await this.profileOf(account);
    const { id, email, username, is_active, is_verified, created_at, role } = account;
    return { id, email, username, full_name, is_active, avatar_url, bio, is_verified, created_at, public_key, role };
  }

  private async begin({ id }: Pick<Account, 'id'>, passwordHash: string, place: Place) {
    const tokens = await this.sessions.begin(id, passwordHash, place);
    return tokens && { ...tokens, device_token: this.devices.tokenFor(id, place.device) };
  }

  /**
   * The profile follows the account by a call and by an event; who signs in between the two is known by his account alone. Nothing is
   * made here: only the registration knows the name and the key that the profile has to start with.
   */
  private async profileOf({ id, email, username, is_active, created_at }: Account): Promise<Profile> {
    return this.users.profile({ user_id: id }).catch((error: unknown) => {
      if (!isError(error, UserNotFound)) throw error;
      const public_key = placeholderKey(username);
      return { id, email, username, full_name: null, avatar_url: null, bio: null, public_key, is_active, created_at };
    });
  }

  private async get(userId: string): Promise<Account> {
    const account = await this.store.find(userId);
    if (!account) throw AccountNotFound();
    return account;
  }
}

/** What `user` answers for a user without a key. */
function placeholderKey(username: string): string {
  return Buffer.from(`pubkey_${username}`).toString('base64');
}
