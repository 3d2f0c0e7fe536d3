import { InProcessKeyValue } from './in-process.keyvalue';
import { type KeyValue, KeyValueUnavailable } from './keyvalue';
import { Limits } from './limits';

const limit = { count: 2, windowMs: 60_000 };
const refused = expect.objectContaining({ code: 'too_many_requests' });
const keyvalue = new InProcessKeyValue();
const away = { increment: () => Promise.reject(new KeyValueUnavailable('ECONNREFUSED')) } as unknown as KeyValue;

beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));
afterEach(() => jest.useRealTimers());
afterAll(() => keyvalue.close());

const outcomes = (count: number, take: () => void) =>
  Array.from({ length: count }, () => {
    try {
      take();
      return 'taken';
    } catch (error) {
      return error;
    }
  });

it('counts each subject by itself, and again in the next window', () => {
  const limits = new Limits({ address: limit }, keyvalue);
  expect(outcomes(3, () => limits.take('address', 'a'))).toEqual(['taken', 'taken', refused]);
  expect(outcomes(1, () => limits.take('address', 'b'))).toEqual(['taken']);
  jest.advanceTimersByTime(59_999);
  expect(outcomes(1, () => limits.take('address', 'a'))).toEqual([refused]);
  jest.advanceTimersByTime(1);
  expect(outcomes(3, () => limits.take('address', 'a'))).toEqual(['taken', 'taken', refused]);
});

it('says after how many seconds the window ends', () => {
  const limits = new Limits({ address: { count: 1, windowMs: 10_000 } }, keyvalue);
  limits.take('address', 'a');
  jest.advanceTimersByTime(2_500);
  expect(outcomes(1, () => limits.take('address', 'a'))).toEqual([expect.objectContaining({ retryAfterSeconds: 8 })]);
  jest.advanceTimersByTime(7_499);
  expect(outcomes(1, () => limits.take('address', 'a'))).toEqual([expect.objectContaining({ retryAfterSeconds: 1 })]);
});

it('has none where none is set', () => {
  expect(outcomes(100, () => new Limits('off', keyvalue).take('address', 'a'))).not.toContainEqual(refused);
  const limits = new Limits({ address: limit }, keyvalue);
  expect(outcomes(100, () => limits.take('user', 'a'))).not.toContainEqual(refused);
});

it('remembers a bounded number of subjects: ended windows go first, and then all', () => {
  const limits = new Limits({ address: limit, user: { count: 1, windowMs: 1_000 } }, keyvalue);
  for (let i = 0; i < 99_999; i++) limits.take('user', `u${i}`);
  outcomes(2, () => limits.take('address', 'a'));
  jest.advanceTimersByTime(1_000);
  limits.take('address', 'b');
  expect(outcomes(1, () => limits.take('address', 'a'))).toEqual([refused]); // a live window is kept while others have ended
  for (let i = 0; i < 100_001; i++) limits.take('address', `flood${i}`);
  expect(outcomes(1, () => limits.take('address', 'a'))).toEqual(['taken']);
});

it('is counted for all processes together; in this one alone while the store is away', async () => {
  const [one, two] = [new Limits({ login: limit }, keyvalue), new Limits({ login: limit }, keyvalue)];
  await one.takeShared('login', 'a');
  await two.takeShared('login', 'a');
  await expect(one.takeShared('login', 'a')).rejects.toEqual(refused);
  await expect(two.takeShared('login', 'b')).resolves.toBeUndefined();

  const alone = new Limits({ login: limit }, away);
  await alone.takeShared('login', 'a');
  await alone.takeShared('login', 'a');
  await expect(alone.takeShared('login', 'a')).rejects.toEqual(refused);
  await expect(new Limits('off', away).takeShared('login', 'a')).resolves.toBeUndefined();
});

it('a store that goes, or is too slow for some of it, takes no counts with it', async () => {
  let isAway = false;
  const fickle = new Proxy(keyvalue, {
    get: (target, name: keyof KeyValue) =>
      isAway ? () => Promise.reject(new KeyValueUnavailable('ETIMEDOUT')) : (target[name] as () => unknown).bind(target),
  });
  const limits = new Limits({ login: limit }, fickle);
  await limits.takeShared('login', 'c');
  await limits.note('login', 'd');
  isAway = true;
  await limits.takeShared('login', 'c');
  await expect(limits.takeShared('login', 'c')).rejects.toEqual(refused);
  await limits.note('login', 'd');
  expect(await limits.noted('login', 'd')).toBe(2);
  isAway = false;
  expect(await limits.noted('login', 'd')).toBe(2);
});
