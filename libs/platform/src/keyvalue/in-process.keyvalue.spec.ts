import { InProcessKeyValue } from './in-process.keyvalue';
import { KeyValueUnavailable } from './keyvalue';

describe('the memory of the store in the process', () => {
  it('follows the keys that live, though nobody asks for the ended ones', async () => {
    let now = 0;
    const keyvalue = new InProcessKeyValue({ now: () => now });
    for (let i = 0; i < 50_000; i++) {
      now = i;
      await keyvalue.increment(`address-${i}`, 100);
    }
    expect(keyvalue.size).toBeLessThan(1_000);
    expect(await keyvalue.increment('address-49999', 100)).toBe(2);
  });

  it('is bounded: more keys than that are refused, those that are there go on, and room comes back', async () => {
    let now = 0;
    const keyvalue = new InProcessKeyValue({ now: () => now, maxKeys: 10 });
    for (let i = 0; i < 10; i++) await keyvalue.set(`k${i}`, 'x', 100);
    await expect(keyvalue.set('one more', 'x', 100)).rejects.toBeInstanceOf(KeyValueUnavailable);
    await keyvalue.set('k3', 'y', 100);
    now = 200;
    for (let i = 0; i < 10; i++) await keyvalue.set(`later${i}`, 'x', 100);
    expect(keyvalue.size).toBe(10);
  });

  it('ends a key exactly when its time is over', async () => {
    let now = 0;
    const keyvalue = new InProcessKeyValue({ now: () => now });
    await keyvalue.set('k', 'x', 100);
    now = 99.9;
    expect(await keyvalue.get('k')).toBe('x');
    now = 100;
    expect(await keyvalue.get('k')).toBeUndefined();
  });
});
