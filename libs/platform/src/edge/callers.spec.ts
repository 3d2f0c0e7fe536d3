import { randomUUID } from 'node:crypto';
import { sign } from 'jsonwebtoken';
import { Unavailable } from '../contract';
import type { Caller } from '../tokens/caller-state';
import { TokenVerifier } from '../tokens/verifier';
import { type CallerTimes, Callers } from './callers';
import { bearerToken } from './credentials';

const SECRET = 'only-for-specs-0123456789abcdefghijklmno';
const ada: string = randomUUID();
const session: string = randomUUID();
const exp = Math.floor(Date.now() / 1000) + 3_600;
const token = (sub = ada, claims: object = {}) => sign({ sub, exp, ...claims }, SECRET);

/** Accounts that answer when they are told to. */
class Accounts {
  asked = 0;
  /** What the key-value store says; an error if it is away. */
  inForce: string | undefined | Error = 'first';
  kept: Caller | undefined;
  private readonly waiting: ((caller: Caller | undefined | Error) => void)[] = [];

  readonly find = (): Promise<Caller | undefined> => {
    this.asked++;
    return new Promise((resolve, reject) => this.waiting.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))));
  };

  readonly generation = async () => {
    if (this.inForce instanceof Error) throw this.inForce;
    return this.inForce;
  };

  readonly lastKnown = async () => this.kept;

  /** Answers all who are waiting, once somebody is. */
  async answer(answer: Caller | undefined | Error): Promise<void> {
    while (this.waiting.length === 0) await new Promise(setImmediate);
    for (const reply of this.waiting.splice(0)) reply(answer);
  }
}

const active: Caller = { role: 'user', is_active: true, is_live: true, tokens_until: 0, generation: 'first' };
const LONG = 3_600_000;

/** Without other times nothing ends in a test. */
function start(times: Partial<CallerTimes> = {}) {
  const accounts = new Accounts();
  const callers = new Callers(new TokenVerifier(SECRET), accounts, { freshMs: LONG, confirmedMs: LONG, knownMs: LONG, ...times });
  const identify = async (answer: Caller | undefined | Error, shown = token(), options = {}) => {
    const actor = callers.identify(shown, options);
    await accounts.answer(answer);
    return actor;
  };
  return { accounts, callers, identify };
}

describe('a caller', () => {
  it('is asked for once by many requests at once, and then remembered', async () => {
    const { accounts, callers } = start();
    const many = Promise.all(Array.from({ length: 20 }, () => callers.identify(token())));
    await accounts.answer({ ...active, role: 'admin' });
    expect(await many).toEqual(Array(20).fill({ kind: 'user', userId: ada, role: 'admin', until: exp }));
    await callers.identify(token());
    expect(accounts.asked).toBe(1);
  });

  it('whose account changes is asked for again, also if the question is under way', async () => {
    const { accounts, callers } = start();
    const before = callers.identify(token());
    while (accounts.asked === 0) await new Promise(setImmediate);
    callers.forget(ada);
    await accounts.answer(active); // may be old: good for who asked then, not to be remembered
    await before;
    const after = callers.identify(token());
    await accounts.answer({ ...active, is_active: false });
    await expect(after).rejects.toMatchObject({ code: 'invalid_token', status: 401 });
    expect(accounts.asked).toBe(2);

    callers.forget(ada);
    const again = callers.identify(token());
    await accounts.answer(active);
    await expect(again).resolves.toMatchObject({ userId: ada });
  });

  it('who does not exist is not remembered: he may exist in a moment', async () => {
    const { identify } = start();
    await expect(identify(undefined)).rejects.toMatchObject({ code: 'caller_not_found', status: 401 });
    await expect(identify(active)).resolves.toMatchObject({ userId: ada });
  });

  it('that nobody knows and that cannot be asked for is not a bad token, and is asked for again', async () => {
    const { accounts, callers, identify } = start();
    const many = [callers.identify(token()), callers.identify(token())].map((one) => one.catch((error: { code: string }) => error.code));
    await accounts.answer(Unavailable());
    expect(await Promise.all(many)).toEqual(['unavailable', 'unavailable']);
    await expect(identify(active)).resolves.toMatchObject({ userId: ada });
  });

  it('with a token that is not believed is not asked for', async () => {
    const { accounts, callers } = start();
    for (const shown of ['x', sign({ sub: ada, exp }, 'another'), token('root'), token(ada, { sid: 'mine' }), token(ada, { sid: 1 })])
      await expect(callers.identify(shown)).rejects.toMatchObject({ status: 401 });
    expect(accounts.asked).toBe(0);
  });

  describe('of whom something is remembered', () => {
    it('is that as long as the generation is in force, and asked for when it is not', async () => {
      const { accounts, callers, identify } = start({ freshMs: 0 });
      await identify(active);
      await callers.identify(token());
      expect(accounts.asked).toBe(1);
      accounts.inForce = 'second';
      await expect(identify({ ...active, is_active: false })).rejects.toMatchObject({ code: 'invalid_token' });
    });

    it.each([undefined, new Error('away')])('is asked for when the store says nothing (%s)', async (inForce) => {
      const { accounts, identify } = start({ freshMs: 0 });
      await identify(active);
      accounts.inForce = inForce;
      await expect(identify({ ...active, is_active: false })).rejects.toMatchObject({ code: 'invalid_token' });
    });

    it('is asked for after a while, whatever the store says', async () => {
      const { identify } = start({ freshMs: 0, confirmedMs: 0 });
      await identify(active);
      await expect(identify({ ...active, is_active: false })).rejects.toMatchObject({ code: 'invalid_token' });
    });
  });

  describe('when accounts cannot be asked about', () => {
    const away = { freshMs: 0, confirmedMs: 0 };

    it('is who he was, with no more rights than everybody has', async () => {
      const { identify } = start(away);
      expect(await identify({ ...active, role: 'admin' })).toMatchObject({ role: 'admin' });
      expect(await identify(Unavailable())).toMatchObject({ userId: ada, role: 'user' });
    });

    it('is who another process knows, if this one does not', async () => {
      const { accounts, identify } = start(away);
      accounts.kept = active;
      expect(await identify(Unavailable())).toMatchObject({ userId: ada });
      accounts.kept = { ...active, is_live: false };
      await expect(identify(Unavailable(), token(ada, { sid: session }))).rejects.toMatchObject({ code: 'invalid_token' });
    });

    it('is nobody if what is known of him is known to be old', async () => {
      const { accounts, identify } = start(away);
      await identify(active);
      accounts.inForce = 'second';
      await expect(identify(Unavailable())).rejects.toMatchObject({ code: 'unavailable' });
    });

    it('is nobody where it must be certain, and after a long while', async () => {
      const { identify } = start(away);
      await identify(active);
      await expect(identify(Unavailable(), token(), { certain: true })).rejects.toMatchObject({ code: 'unavailable' });
      const short = start({ ...away, knownMs: 1 });
      await short.identify(active);
      await new Promise((resolve) => setTimeout(resolve, 5));
      await expect(short.identify(Unavailable())).rejects.toMatchObject({ code: 'unavailable' });
    });

    it('does not wait each time', async () => {
      const { accounts, callers, identify } = start({ freshMs: LONG, confirmedMs: 0 });
      await identify(active, token(ada, { sid: session }));
      accounts.kept = active;
      expect(await identify(Unavailable(), token(randomUUID()))).toMatchObject({ role: 'user' });
      await callers.identify(token(randomUUID()));
      expect(accounts.asked).toBe(2);
    });
  });

  describe('by a session', () => {
    it('is its, each by itself', async () => {
      const { identify } = start();
      expect(await identify(active, token(ada, { sid: session }))).toMatchObject({ sessionId: session });
      await expect(identify({ ...active, is_live: false }, token(ada, { sid: randomUUID() }))).rejects.toMatchObject({
        code: 'invalid_token',
      });
    });

    it('that has none is good if it ends after the cut-off', async () => {
      for (const [tokens_until, isGood] of [
        [exp - 1, true],
        [exp, false],
        [exp + 1, false],
      ] as const) {
        const identified = start().identify({ ...active, tokens_until });
        await (isGood
          ? expect(identified).resolves.toMatchObject({ userId: ada })
          : expect(identified).rejects.toMatchObject({ code: 'invalid_token' }));
      }
      await expect(start().identify({ ...active, tokens_until: exp }, token(ada, { sid: session }))).resolves.toMatchObject({
        userId: ada,
      });
    });
  });
});

describe('a token', () => {
  const verifier = new TokenVerifier(SECRET);

  it('is what stands behind the scheme', () => {
    expect(['Bearer a.b', 'bearer  a.b', ' BEARER a.b '].map(bearerToken)).toEqual(['a.b', 'a.b', 'a.b']);
    for (const header of [undefined, '', ' ', 'Bearer', 'Bearer ']) expect(() => bearerToken(header)).toThrow('Not authenticated');
    expect(() => bearerToken('Basic YTpi')).toThrow('Invalid authentication credentials');
  });

  it('gives the id in one form', async () => {
    const claims = await verifier.verify(sign({ sub: ada.toUpperCase().replaceAll('-', ''), exp }, SECRET));
    expect(claims).toEqual({ sub: ada, exp });
  });

  it('that was good is not any more when its time is over, although it is remembered', async () => {
    const token = sign({ sub: ada, exp }, SECRET);
    await verifier.verify(token);
    jest.useFakeTimers({ now: exp * 1_000, doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'invalid_token' });
    } finally {
      jest.useRealTimers();
    }
  });
});
