import { randomUUID } from 'node:crypto';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { FragileKeyValue, keyValueStores } from '../../../test/support/fragile.keyvalue';
import { QueueIndex } from './queue-index';

describe.each(keyValueStores)('the index of a queue, $keyvalueName,', ({ openKeyValue }) => {
  let keyvalue: KeyValue;
  let store: FragileKeyValue;
  let index: QueueIndex;
  let ada: string;
  beforeAll(async () => {
    keyvalue = await openKeyValue();
    store = new FragileKeyValue(keyvalue);
    index = new QueueIndex(store);
  });
  beforeEach(() => (ada = randomUUID()));
  afterAll(() => keyvalue?.close());

  const loaded = async (...ids: string[]) => {
    const queue = ids.map((id, n) => ({ id, position: n + 1 }));
    await index.load(await index.beginLoading(ada), queue);
  };

  it('knows nothing until it was loaded, whatever was added', async () => {
    expect(await index.find(ada)).toBeUndefined();
    await index.add(ada, 'b', 2);
    expect(await index.find(ada)).toBeUndefined();
    const loading = await index.beginLoading(ada);
    expect(await index.find(ada)).toBeUndefined();
    await index.load(loading, [{ id: 'a', position: 1 }]);
    expect(await index.find(ada)).toEqual(['a', 'b']);
  });

  it('knows an empty queue from none', async () => {
    await loaded();
    expect(await index.find(ada)).toEqual([]);
  });

  it('keeps the order of positions, and each message once', async () => {
    await loaded('a', 'b');
    await index.add(ada, 'd', 1_000_000_007);
    await index.add(ada, 'c', 9);
    await index.add(ada, 'c', 9);
    expect(await index.find(ada)).toEqual(['a', 'b', 'c', 'd']);
    await index.remove(ada, ['a', 'd', 'never there']);
    expect(await index.find(ada)).toEqual(['b', 'c']);
    await index.remove(ada, []);
  });

  it('is asked for again after ten minutes: what was missed while the store was away for long is found then', async () => {
    await loaded('a');
    const later = Date.now() + 600_001;
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => later);
    try {
      expect(await index.find(ada)).toBeUndefined();
      await loaded('a', 'missed');
      expect(await index.find(ada)).toEqual(['a', 'missed']);
    } finally {
      clock.mockRestore();
    }
  });

  it.each(['wipe', 'restart'] as const)('knows nothing after a %s', async (loss) => {
    await loaded('a');
    store[loss]();
    expect(await index.find(ada)).toBeUndefined();
  });

  it.each(['wipe', 'restart'] as const)(
    'is not loaded by a loading that began before a %s: what came in between may be lost',
    async (loss) => {
      const loading = await index.beginLoading(ada);
      await index.add(ada, 'came in between', 1);
      store[loss]();
      await index.load(loading, []);
      expect(await index.find(ada)).toBeUndefined();
      await loaded('came in between');
      expect(await index.find(ada)).toEqual(['came in between']);
    },
  );

  it('is loaded by the last of several loadings, whatever their order', async () => {
    const [first, second] = [await index.beginLoading(ada), await index.beginLoading(ada)];
    await index.load(first, [{ id: 'a', position: 1 }]);
    expect(await index.find(ada)).toBeUndefined();
    await index.load(second, [{ id: 'b', position: 2 }]);
    expect(await index.find(ada)).toEqual(['a', 'b']);
  });

  it.each([1, 2])(
    'knows nothing after a message has missed a store that was away for %d commands and has kept everything',
    async (away) => {
      await loaded();
      const loading = await index.beginLoading(ada);
      store.failNext(away);
      await expect(index.add(ada, 'missed', 1)).rejects.toThrow('disconnected');
      if (away > 1) await expect(index.find(ada)).rejects.toThrow('disconnected');
      expect(await index.find(ada)).toBeUndefined();
      await index.load(loading, []); // by somebody who asked the database before
      expect(await index.find(ada)).toBeUndefined();
      await loaded('missed');
      expect(await index.find(ada)).toEqual(['missed']);
    },
  );

  it('is of one user', async () => {
    await loaded('a');
    expect(await index.find(randomUUID())).toBeUndefined();
  });
});
