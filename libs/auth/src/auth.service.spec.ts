import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { hashSync } from '@node-rs/bcrypt';
import { profile, userContract, createProfile } from '@banyan/user/contract';
import { DomainError, Unavailable } from '@banyan/platform/contract';
import { TokenVerifier } from '@banyan/platform/tokens/verifier';
import { TEST_SECRET } from '../../../test/support/banyan';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { type House, startHouse } from '../../../test/support/house';
import { until } from '../../../test/support/until';
import { AuthStore } from './auth.store';
import { authContract } from './contract';
import { PasswordService } from './password.service';
import { Passwords } from './passwords';

const placeholder = (username: string) => Buffer.from(`pubkey_${username}`).toString('base64');

/** The two forms of the legacy database differ in messages only. */
describe.each(dataHomes.slice(0, 2))('accounts, through their contract, in $name', ({ open }) => {
  let home: DataHome;
  let house: House;
  const auth = (caller: string = 'system') => house.as(caller, authContract);
  const users = (caller: string = 'system') => house.as(caller, userContract);
  beforeAll(async () => {
    home = await open('auth', 'user');
    house = await startHouse({ domains: ['auth', 'user'], home });
  });
  afterEach(() => house.interrupt(createProfile, undefined));
  afterAll(async () => {
    await house?.close();
    await home?.close();
  });

  function draftOf(more: object = {}) {
    const name = randomUUID();
    return { email: `${name}@example.com`, username: name, password: 'correct horse', full_name: 'Ada', public_key: 'QUJD', ...more };
  }
  const count = async (email: string) =>
    (await home.admin(`SELECT 1 FROM ${home.isLegacy ? 'users' : 'banyan_auth.users'} WHERE email = $1`, [email])).length;
  const userFails = () => house.interrupt(createProfile, () => Promise.reject(Unavailable()));

  it('begin with a session, a profile and a key', async () => {
    const draft = draftOf();
    const { access_token, token_type, user } = await auth().register(draft);
    const { email, username, full_name, public_key } = draft;
    const { id, created_at } = user;
    const known = { id, email, username, full_name, public_key, is_active: true, role: 'user' };
    expect(user).toEqual({ ...known, avatar_url: null, created_at });
    expect(token_type).toBe('bearer');
    expect(await new TokenVerifier(TEST_SECRET).verify(access_token)).toMatchObject({ sub: id });
    expect(await auth(id).me({})).toEqual({ ...known, avatar_url: null, bio: null, is_verified: false, created_at });
    expect((await auth().login({ email, password: draft.password })).user).toEqual(known);
    expect(await auth().caller({ user_id: id })).toMatchObject({ role: 'user', is_active: true, is_live: true, tokens_until: 0 });
  });

  it('begin without a role of their choice, and with a placeholder where there is no key', async () => {
    const draft = draftOf({ role: 'admin', public_key: '', full_name: null });
    const { user } = await auth().register(draft);
    expect(user).toMatchObject({ role: 'user', public_key: placeholder(draft.username), full_name: null });
    expect(await users(user.id).find({ user_id: user.id })).toMatchObject({ public_key: placeholder(draft.username) });
  });

  /** Comes again when it is told to: a slow machine does not hash so many passwords in time. */
  const registering = async (draft: ReturnType<typeof draftOf>): ReturnType<ReturnType<typeof auth>['register']> => {
    try {
      return await auth().register(draft);
    } catch (error) {
      if (!(error instanceof DomainError) || error.status !== 503) throw error;
      await pause(1_000 * (error.retryAfterSeconds ?? 1));
      return registering(draft);
    }
  };

  it('are one for each address and one for each name, however many come at once', async () => {
    const { email, username } = draftOf();
    for (const same of [{ email }, { username }]) {
      const crowd = await Promise.allSettled(Array.from({ length: 5 }, () => registering(draftOf(same))));
      const refused = crowd.filter(({ status }) => status === 'rejected');
      expect(refused).toHaveLength(4);
      for (const end of refused) expect(end).toMatchObject({ reason: { code: 'auth.already_registered', status: 400 } });
    }
  });

  describe('registered again under the same key', () => {
    it('are the same account, for who has its password', async () => {
      const draft = draftOf();
      const first = await auth().register(draft, { key: 'again' + draft.email });
      const again = await auth().register(draft, { key: 'again' + draft.email });
      expect(again.user).toEqual(first.user);
      expect(await count(draft.email)).toBe(1);
    });

    it('are nothing to who has not', async () => {
      const draft = draftOf();
      const key = randomUUID();
      await auth().register(draft, { key });
      await expect(auth().register({ ...draft, password: 'wrong horse' }, { key })).rejects.toMatchObject({
        code: 'auth.already_registered',
      });
      await expect(auth().register(draft)).rejects.toMatchObject({ code: 'auth.already_registered' });
      await expect(auth().register({ ...draft, public_key: 'RVZF' }, { key })).rejects.toMatchObject({ code: 'idempotency_key_reused' });
      const another = draftOf();
      await expect(auth().register({ ...another, email: draft.email }, { key })).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    });

    it('for another address, are another account', async () => {
      const key = randomUUID();
      const [first, second] = [draftOf(), draftOf()];
      const made = [await auth().register(first, { key }), await auth().register(second, { key })];
      expect(made.map(({ user }) => user.email)).toEqual([first.email, second.email]);
    });

    it('at the same moment in another process, need the password too', async () => {
      const other = await startHouse({ domains: ['auth', 'user'], home });
      const draft = draftOf();
      const key = randomUUID();
      const passwords = ['correct horse', 'wrong horse'];
      const ends = await Promise.allSettled(
        [house, other].map((process, n) => process.as('system', authContract).register({ ...draft, password: passwords[n]! }, { key })),
      );
      expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const winner = ends.findIndex(({ status }) => status === 'fulfilled');
      await expect(auth().login({ email: draft.email, password: passwords[winner]! })).resolves.toMatchObject({ token_type: 'bearer' });
      await other.close();
    });
  });

  describe('whose profile could not be made at once', () => {
    it('have it by their event, with the name and key they began with', async () => {
      const draft = draftOf();
      userFails();
      const { user } = await auth().register(draft);
      house.interrupt(createProfile, undefined);
      expect(user).toMatchObject({ full_name: 'Ada', public_key: 'QUJD' });
      await expect(users().profile({ user_id: user.id })).rejects.toMatchObject({ code: 'user.not_found' });
      await house.deliverEvents();
      expect(await users().profile({ user_id: user.id })).toMatchObject({
        full_name: 'Ada',
        public_key: 'QUJD',
        created_at: user.created_at,
      });
    });

    it('can sign in before that, and lose nothing by it', async () => {
      const draft = draftOf();
      userFails();
      const { user } = await auth().register(draft);
      house.interrupt(createProfile, undefined);
      const signedIn = await auth().login({ email: draft.email, password: draft.password });
      expect(signedIn.user).toMatchObject({ id: user.id, full_name: null, public_key: placeholder(draft.username) });
      expect(await auth(user.id).me({})).toMatchObject({ id: user.id, bio: null });
      await house.deliverEvents();
      expect((await auth().login({ email: draft.email, password: draft.password })).user).toMatchObject({
        full_name: 'Ada',
        public_key: 'QUJD',
      });
    });

    it('have it by the repeat of a registration whose answer was lost', async () => {
      const draft = draftOf();
      const key = randomUUID();
      userFails();
      await auth().register(draft, { key });
      house.interrupt(createProfile, undefined);
      expect((await auth().register(draft, { key })).user).toMatchObject({ full_name: 'Ada', public_key: 'QUJD' });
      await house.deliverEvents();
      expect(await users().profile({ user_id: (await auth().login(draft)).user.id })).toMatchObject({ public_key: 'QUJD' });
    });

    it('are not known if user says something else than that there is none', async () => {
      const { user } = await auth().register(draftOf());
      house.interrupt(profile, () => Promise.reject(Unavailable()));
      await expect(auth(user.id).me({})).rejects.toMatchObject({ code: 'unavailable' });
      house.interrupt(profile, undefined);
    });
  });

  describe('signing in', () => {
    it('is refused in the same words for an unknown address, a wrong password and an account that is not active', async () => {
      const draft = draftOf();
      const { user } = await auth().register(draft);
      const refusals = [
        auth().login({ ...draft, email: `nobody.${draft.email}` }),
        auth().login({ ...draft, password: 'wrong horse' }),
        home
          .admin(`UPDATE ${home.isLegacy ? 'users' : 'banyan_auth.users'} SET is_active = false WHERE id = $1`, [user.id])
          .then(() => auth().login(draft)),
      ].map((refused) => refused.catch(({ code, status, detail, extra }) => ({ code, status, detail, extra })));
      const refusal = { code: 'auth.invalid_credentials', status: 401, detail: 'Invalid credentials', extra: undefined };
      expect(await Promise.all(refusals.slice(0, 2))).toEqual([refusal, refusal]);
      expect(await refusals[2]).toEqual(refusal);
      expect(await auth().caller({ user_id: user.id })).toMatchObject({ role: 'user', is_active: false });
    });

    it('takes the address in the form that it is kept in', async () => {
      const { email, password } = draftOf();
      await auth().register(draftOf({ email: email.replace('example', 'EXAMPLE') }));
      await expect(auth().login({ email: ` ${email.replace('.com', '.COM')}`, password })).resolves.toMatchObject({ user: { email } });
      await expect(auth().login({ email: email.toUpperCase(), password })).rejects.toMatchObject({ code: 'auth.invalid_credentials' });
    });

    it('takes the bcrypt hashes of legacy', async () => {
      const { user } = await auth().register(draftOf());
      await home.admin(`UPDATE ${home.isLegacy ? 'users' : 'banyan_auth.users'} SET password_hash = $2 WHERE id = $1`, [
        user.id,
        hashSync('correct horse battery staple', 4),
      ]);
      await expect(auth().login({ email: user.email, password: 'correct horse battery staple' })).resolves.toMatchObject({
        user: { id: user.id },
      });
      await expect(auth().login({ email: user.email, password: 'correct horse' })).rejects.toMatchObject({
        code: 'auth.invalid_credentials',
      });
    });
  });

  describe('whose password is looked at while it becomes another one', () => {
    /** Something that has begun and is not committed when `attempt` has read the account; it is, before that ends. */
    async function meanwhile<T>(change: string, userId: string, attempt: () => Promise<T>): Promise<PromiseSettledResult<T>> {
      const other = await home.client('auth');
      await other.query('BEGIN');
      await other.query('SELECT id FROM banyan_auth.users WHERE id = $1 FOR UPDATE', [userId]);
      await other.query(change, [userId]);
      const attempted = Promise.allSettled([attempt()]);
      const isWaiting = async () =>
        (await home.admin(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)).length > 0;
      await Promise.race([attempted, until(isWaiting)]);
      await other.query('COMMIT');
      return (await attempted)[0];
    }
    const NEW_HASH = hashSync('quite another one', 4);
    const becomesAnother = `UPDATE banyan_auth.users SET password_hash = '${NEW_HASH}' WHERE id = $1`;
    const sessionsOf = async (userId: string) => (await home.admin('SELECT FROM banyan_auth.sessions WHERE user_id = $1', [userId])).length;

    it('begin no session by the old one', async () => {
      const { user } = await auth().register(draftOf());
      const before = await sessionsOf(user.id);
      const signedIn = await meanwhile(becomesAnother, user.id, () => auth().login({ email: user.email, password: 'correct horse' }));
      expect(signedIn).toMatchObject({ status: 'rejected', reason: { code: 'auth.invalid_credentials' } });
      expect(await sessionsOf(user.id)).toBe(before);
    });

    it('sign in all the same if it is only kept otherwise', async () => {
      const { user } = await auth().register(draftOf());
      const kept = `UPDATE banyan_auth.users SET password_hash = '${hashSync('correct horse', 4)}' WHERE id = $1`;
      const signedIn = await meanwhile(kept, user.id, () => auth().login({ email: user.email, password: 'correct horse' }));
      expect(signedIn).toMatchObject({ status: 'fulfilled', value: { user: { id: user.id } } });
    });

    it('begin no session that nobody would ever remove, if the account goes at that moment', async () => {
      const { user } = await auth().register(draftOf());
      await home.admin('DELETE FROM banyan_auth.sessions WHERE user_id = $1', [user.id]);
      const gone = 'DELETE FROM banyan_auth.users WHERE id = $1';
      const signedIn = await meanwhile(gone, user.id, () => auth().login({ email: user.email, password: 'correct horse' }));
      expect(signedIn).toMatchObject({ status: 'rejected', reason: { code: 'auth.invalid_credentials' } });
      expect(await sessionsOf(user.id)).toBe(0);
    });

    it('do not get a third one by the first', async () => {
      const { user } = await auth().register(draftOf());
      const change = { current_password: 'correct horse', new_password: 'of somebody else' };
      const changed = await meanwhile(becomesAnother, user.id, () => auth(user.id).changePassword(change));
      expect(changed).toMatchObject({ status: 'rejected', reason: { code: 'auth.wrong_password' } });
      await expect(auth().login({ email: user.email, password: 'quite another one' })).resolves.toMatchObject({ user: { id: user.id } });
    });
  });

  it('sign in without a new hash while others wait for theirs', async () => {
    const { user } = await auth().register(draftOf());
    const outdated = hashSync('correct horse', 4);
    const account = { ...(await house.get(AuthStore).find(user.id))!, password_hash: outdated };
    await house.get(AuthStore).replaceHash(user.id, (await house.get(AuthStore).find(user.id))!.password_hash, outdated);
    let end!: () => void;
    const busy = new Promise<void>((resolve) => (end = resolve));
    const crowd = Array.from({ length: 3 }, () => house.get(Passwords)['queue'].run(() => busy));
    expect(await house.get(PasswordService).renew(account, 'correct horse')).toBe(outdated);
    end();
    await Promise.all(crowd);
    const renewed = await house.get(PasswordService).renew(account, 'correct horse');
    expect(renewed).not.toBe(outdated);
    expect((await house.get(AuthStore).find(user.id))!.password_hash).toBe(renewed);
  });

  it('are mailed three links of a kind in an hour, however many ask at once', async () => {
    const { user } = await auth().register(draftOf());
    const { email } = user;
    const crowd = Array.from({ length: 12 }, () => [auth().forgotPassword({ email }), auth().resendVerification({ email })]);
    for (const answer of await Promise.all(crowd.flat())) expect(answer).toEqual({ success: true });
    const links = await home.admin('SELECT purpose FROM banyan_auth.links WHERE user_id = $1 ORDER BY purpose', [user.id]);
    expect(links.map(({ purpose }) => purpose)).toEqual([...Array(3).fill('reset_password'), ...Array(3).fill('verify_email')]);
  });

  it('are not known when they are not there', async () => {
    await expect(auth(randomUUID()).me({})).rejects.toMatchObject({ code: 'auth.account_not_found', status: 401 });
    await expect(auth().caller({ user_id: randomUUID() })).rejects.toMatchObject({ code: 'auth.account_not_found' });
  });

  it('keep passwords out of everything but their hash', async () => {
    const draft = draftOf({ password: `secret ${randomUUID()}` });
    await auth().register(draft);
    for (const table of ['banyan_auth.request_keys', 'banyan_auth.outbox', 'banyan_auth.users'])
      expect(JSON.stringify(await home.admin(`SELECT * FROM ${table}`))).not.toContain(draft.password);
  });
});
