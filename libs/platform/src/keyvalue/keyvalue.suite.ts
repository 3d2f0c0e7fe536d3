import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type KeyValue, KeyValueUnavailable } from './keyvalue';

const LONG = 60_000;
const SHORT = 30;

/** Until `holds`; what never comes fails by the time limit of the test. */
export async function eventually(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await pause(10);
}

/** What every key-value store must do. `open` gives one that nothing else uses, and `other` a second connection to it, or itself. */
export function keyValueSuite(open: () => Promise<{ keyvalue: KeyValue; other: KeyValue }>): void {
  let keyvalue: KeyValue;
  let other: KeyValue;
  let key: string;

  beforeAll(async () => {
    ({ keyvalue, other } = await open());
  });
  afterAll(() => Promise.all([keyvalue.close(), other.close()]));
  beforeEach(() => {
    key = randomUUID();
  });

  describe('texts', () => {
    it('are kept, replaced and deleted', async () => {
      expect(await keyvalue.get(key)).toBeUndefined();
      await keyvalue.set(key, 'one', LONG);
      await keyvalue.set(key, '', LONG);
      expect(await other.get(key)).toBe('');
      await keyvalue.set(key, 'é\0😀', LONG);
      expect(await other.get(key)).toBe('é\0😀');
      expect(await keyvalue.delete(key, `${key}-absent`)).toBe(1);
      expect(await keyvalue.delete(key)).toBe(0);
      expect(await keyvalue.delete()).toBe(0);
      expect(await other.get(key)).toBeUndefined();
    });

    it('end by themselves, and a new write gives them a new life', async () => {
      await keyvalue.set(key, 'short', SHORT);
      await eventually(async () => (await keyvalue.get(key)) === undefined);
      await keyvalue.set(key, 'short', SHORT);
      await keyvalue.set(key, 'long', LONG);
      await keyvalue.set(`${key}-after`, 'x', SHORT);
      await eventually(async () => (await keyvalue.get(`${key}-after`)) === undefined);
      expect(await keyvalue.get(key)).toBe('long');
    });

    it('may be large', async () => {
      const large = 'x'.repeat(1_000_000);
      await keyvalue.set(key, large, LONG);
      expect((await other.get(key)) === large).toBe(true);
    });
  });

  describe('counters', () => {
    it('give each of many callers at the same time a number of his own', async () => {
      const counts = await Promise.all(Array.from({ length: 200 }, (_, i) => (i % 2 ? keyvalue : other).increment(key, LONG)));
      expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    });

    it('begin again after their window, however busy they were in it', async () => {
      let last = await keyvalue.increment(key, SHORT);
      await eventually(async () => {
        const count = await keyvalue.increment(key, SHORT); // would never end if this prolonged the window
        const isAgainOne = count === 1 && last >= 1;
        last = count;
        return isAgainOne;
      });
    });
  });

  describe('sorted sets', () => {
    const members = async (range = {}) => (await other.sortedRange(key, range)).map(({ member }) => member);

    it('are ordered by score, then by member', async () => {
      await keyvalue.sortedAdd(
        key,
        [
          ['b', 2],
          ['\u{ffee}', 1],
          ['a', 2],
          ['😀', 1],
          ['z', -1.5],
          ['c', 1_790_000_000_123_456],
        ].map(scored),
        LONG,
      );
      expect(await other.sortedRange(key)).toEqual(
        [
          ['z', -1.5],
          ['\u{ffee}', 1],
          ['😀', 1],
          ['a', 2],
          ['b', 2],
          ['c', 1_790_000_000_123_456],
        ].map(scored),
      );
      await keyvalue.sortedAdd(key, [{ member: 'z', score: 2 }], LONG);
      expect(await members()).toEqual(['\u{ffee}', '😀', 'a', 'b', 'z', 'c']);
    });

    it('give ranges whose ends belong to them, counts and the first few', async () => {
      await keyvalue.sortedAdd(
        key,
        [1, 2, 3, 4, 5].map((score) => ({ member: `m${score}`, score })),
        LONG,
      );
      expect(await members({ min: 2, max: 4 })).toEqual(['m2', 'm3', 'm4']);
      expect(await members({ min: 2, limit: 2 })).toEqual(['m2', 'm3']);
      expect(await members({ max: 1.5 })).toEqual(['m1']);
      expect(await members({ limit: 0 })).toEqual([]);
      expect(await members({ min: 4, max: 2 })).toEqual([]);
      expect(await keyvalue.sortedCount(key)).toBe(5);
      expect(await keyvalue.sortedCount(key, { min: 2, max: 4 })).toBe(3);
      expect(await keyvalue.sortedCount(key, { min: 4, max: 2 })).toBe(0);
    });

    it('tell the scores of members that are asked for, in the order of the question', async () => {
      expect(await keyvalue.sortedScores(key, ['a'])).toEqual([undefined]);
      const entries = Array.from({ length: 2_500 }, (_, i) => ({ member: `m${i}`, score: i / 2 }));
      await keyvalue.sortedAdd(key, entries, LONG);
      expect(await other.sortedScores(key, ['m3', 'absent', 'm0', 'm3'])).toEqual([1.5, undefined, 0, 1.5]);
      expect(await other.sortedScores(key, [])).toEqual([]);
      const backwards = entries.toReversed();
      expect(
        await other.sortedScores(
          key,
          backwards.map(({ member }) => member),
        ),
      ).toEqual(backwards.map(({ score }) => score));
    });

    it('lose members by name and by score', async () => {
      await keyvalue.sortedAdd(
        key,
        [1, 2, 3, 4, 5].map((score) => ({ member: `m${score}`, score })),
        LONG,
      );
      expect(await keyvalue.sortedRemove(key, ['m1', 'absent'])).toBe(1);
      expect(await keyvalue.sortedRemove(key, [])).toBe(0);
      expect(await keyvalue.sortedTrim(key, { max: 2 })).toBe(1);
      expect(await keyvalue.sortedTrim(key, { min: 4, max: 4 })).toBe(1);
      expect(await members()).toEqual(['m3', 'm5']);
      expect(await keyvalue.delete(key)).toBe(1);
    });

    it('are empty where there are none, and gone when they are empty', async () => {
      await keyvalue.sortedAdd(key, [], LONG);
      expect(await members()).toEqual([]);
      expect(await keyvalue.sortedCount(key)).toBe(0);
      expect(await keyvalue.sortedRemove(key, ['x'])).toBe(0);
      expect(await keyvalue.sortedTrim(key, { max: 1 })).toBe(0);
      await keyvalue.sortedAdd(key, [{ member: 'x', score: 1 }], LONG);
      await keyvalue.sortedRemove(key, ['x']);
      expect(await keyvalue.delete(key)).toBe(0);
    });

    it('end by themselves, counted from the last addition', async () => {
      await keyvalue.sortedAdd(key, [{ member: 'x', score: 1 }], SHORT);
      await eventually(async () => (await keyvalue.sortedCount(key)) === 0);
      await keyvalue.sortedAdd(key, [{ member: 'x', score: 1 }], SHORT);
      await keyvalue.sortedAdd(key, [{ member: 'y', score: 1 }], LONG);
      await keyvalue.set(`${key}-after`, 'x', SHORT);
      await eventually(async () => (await keyvalue.get(`${key}-after`)) === undefined);
      expect(await keyvalue.sortedCount(key)).toBe(2);
    });

    it('may be large', async () => {
      const entries = Array.from({ length: 50_000 }, (_, i) => ({ member: `m${i}`, score: (i * 7_919) % 50_000 }));
      await keyvalue.sortedAdd(key, entries, LONG);
      expect(await keyvalue.sortedCount(key)).toBe(50_000);
      const [first, ...rest] = await other.sortedRange(key);
      expect(first).toEqual({ member: 'm0', score: 0 });
      expect(rest.every(({ score }, i) => score === i + 1)).toBe(true);
      expect(
        await keyvalue.sortedRemove(
          key,
          entries.slice(1).map(({ member }) => member),
        ),
      ).toBe(49_999);
      expect(await members()).toEqual(['m0']);
    });

    it('are no texts, nor texts they; that is a mistake, not an outage', async () => {
      await keyvalue.sortedAdd(key, [{ member: 'x', score: 1 }], LONG);
      await keyvalue.set(`${key}-text`, 'x', LONG);
      for (const wrong of [
        keyvalue.get(key),
        keyvalue.sortedRange(`${key}-text`),
        keyvalue.sortedAdd(`${key}-text`, [{ member: 'x', score: 1 }], LONG),
      ]) {
        await expect(wrong).rejects.not.toBeInstanceOf(KeyValueUnavailable);
      }
      await keyvalue.set(key, 'now a text', LONG);
      expect(await keyvalue.get(key)).toBe('now a text');
    });
  });

  describe('channels', () => {
    it('reach everybody who listens, in order, until he stops', async () => {
      const one: string[] = [];
      const two: string[] = [];
      const elsewhere: string[] = [];
      const same = (message: string) => void one.push(message);
      const stop = await keyvalue.subscribe(key, same);
      await keyvalue.subscribe(key, same);
      await other.subscribe(key, (message) => void two.push(message));
      await other.subscribe(`${key}-other`, (message) => void elsewhere.push(message));
      await keyvalue.publish(key, 'a');
      await keyvalue.publish(key, 'b');
      await eventually(() => one.length === 4 && two.length === 2);
      expect(two).toEqual(['a', 'b']);
      await stop();
      await stop();
      await other.publish(key, 'c');
      await eventually(() => one.length === 5 && two.length === 3);
      expect(elsewhere).toEqual([]);
      await keyvalue.publish(`${key}-nobody`, 'x');
    });

    it('outlive a listener that throws', async () => {
      const heard: string[] = [];
      await keyvalue.subscribe(key, () => {
        throw new Error('listener');
      });
      await keyvalue.subscribe(key, (message) => void heard.push(message));
      await keyvalue.publish(key, 'a');
      await keyvalue.publish(key, 'b');
      await eventually(() => heard.length === 2);
    });

    it('can be left and joined again', async () => {
      const heard: string[] = [];
      await (
        await keyvalue.subscribe(key, () => undefined)
      )();
      await keyvalue.subscribe(key, (message) => void heard.push(message));
      await keyvalue.publish(key, 'a');
      await eventually(() => heard.length === 1);
    });
  });

  it('answers a ping, names its life, and refuses once it is closed', async () => {
    const { keyvalue: own, other: second } = await open();
    await own.ping();
    expect(own.generation).toBe(own.generation);
    expect(second.generation).toBe(own.generation);
    await Promise.all([own.close(), second.close()]);
    await expect(own.ping()).rejects.toBeInstanceOf(KeyValueUnavailable);
    await expect(own.get(key)).rejects.toBeInstanceOf(KeyValueUnavailable);
    await expect(own.sortedAdd(key, [{ member: 'x', score: 1 }], LONG)).rejects.toBeInstanceOf(KeyValueUnavailable);
    await own.close();
  });
}

function scored([member, score]: (string | number)[]) {
  return { member: String(member), score: Number(score) };
}
