import { randomUUID } from 'node:crypto';
import { sign } from 'jsonwebtoken';
import { Unavailable } from '../contract';
import { type Caller, Callers } from './callers';
import { bearerToken, TokenVerifier } from './token';

const SECRET = 'only-for-specs-0123456789abcdefghijklmno';
const ada: string = randomUUID();
const exp = Math.floor(Date.now() / 1000) + 3_600;
const header = (sub = ada) => `Bearer ${sign({ sub, exp }, SECRET)}`;

/** Accounts that answer when they are told to. */
class Accounts {
  asked = 0;
  private readonly waiting: ((caller: Caller | undefined | Error) => void)[] = [];

  readonly find = (): Promise<Caller | undefined> => {
    this.asked++;
    return new Promise((resolve, reject) => this.waiting.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))));
  };

  /** Answers all who are waiting, once somebody is. */
  async answer(answer: Caller | undefined | Error): Promise<void> {
    while (this.waiting.length === 0) await new Promise(setImmediate);
    for (const reply of this.waiting.splice(0)) reply(answer);
  }
}

const active: Caller = { role: 'user', is_active: true };

function start() {
  const accounts = new Accounts();
  return { accounts, callers: new Callers(new TokenVerifier(SECRET), accounts.find, { rememberMs: 3_600_000 }) };
}

describe('a caller', () => {
  it('is asked for once by many requests at once, and then remembered', async () => {
    const { accounts, callers } = start();
    const many = Promise.all(Array.from({ length: 20 }, () => callers.identify(header())));
    await accounts.answer({ ...active, role: 'admin' });
    expect(await many).toEqual(Array(20).fill({ kind: 'user', userId: ada, role: 'admin' }));
    await callers.identify(header());
    expect(accounts.asked).toBe(1);
  });

  it('whose account changes is asked for again, also if the question is under way', async () => {
    const { accounts, callers } = start();
    const before = callers.identify(header());
    while (accounts.asked === 0) await new Promise(setImmediate);
    callers.forget(ada);
    await accounts.answer(active); // may be old: good for who asked then, not to be remembered
    await before;
    const after = callers.identify(header());
    await accounts.answer({ ...active, is_active: false });
    await expect(after).rejects.toMatchObject({ code: 'invalid_token', status: 401 });
    expect(accounts.asked).toBe(2);

    callers.forget(ada);
    const again = callers.identify(header());
    await accounts.answer(active);
    await expect(again).resolves.toMatchObject({ userId: ada });
  });

  it('who does not exist is not remembered: he may exist in a moment', async () => {
    const { accounts, callers } = start();
    const nobody = callers.identify(header());
    await accounts.answer(undefined);
    await expect(nobody).rejects.toMatchObject({ code: 'caller_not_found', status: 401 });
    const somebody = callers.identify(header());
    await accounts.answer(active);
    await expect(somebody).resolves.toMatchObject({ userId: ada });
  });

  it('that cannot be asked for is not a bad token, and is asked for again', async () => {
    const { accounts, callers } = start();
    const many = [callers.identify(header()), callers.identify(header())].map((one) => one.catch((error: { code: string }) => error.code));
    await accounts.answer(Unavailable());
    expect(await Promise.all(many)).toEqual(['unavailable', 'unavailable']);
    const later = callers.identify(header());
    await accounts.answer(active);
    await expect(later).resolves.toMatchObject({ userId: ada });
  });

  it('with a token that is not believed is not asked for', async () => {
    const { accounts, callers } = start();
    for (const authorization of [undefined, 'Bearer x', `Bearer ${sign({ sub: ada, exp }, 'another')}`, header('root')])
      await expect(callers.identify(authorization)).rejects.toMatchObject({ status: expect.any(Number) });
    expect(accounts.asked).toBe(0);
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
