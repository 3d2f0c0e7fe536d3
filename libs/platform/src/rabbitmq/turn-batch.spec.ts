import { afterConsequences, MAX_BATCH_BYTES, MAX_BATCH_COUNT, TurnBatch } from './turn-batch';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const gathering = () => {
  const sent: string[][] = [];
  const batch = new TurnBatch<{ json: string }>((items) => sent.push(items.map(({ json }) => json)));
  return { sent, batch };
};

describe('a batch', () => {
  it('holds what one turn of the event loop had', async () => {
    const { sent, batch } = gathering();
    batch.add({ json: 'a' });
    await Promise.resolve();
    batch.add({ json: 'b' });
    expect(sent).toEqual([]);
    await nextTurn();
    batch.add({ json: 'c' });
    await nextTurn();
    expect(sent).toEqual([['a', 'b'], ['c']]);
  });

  it('goes when it is full, by number or by size, and what is too large goes alone', async () => {
    const { sent, batch } = gathering();
    for (let n = 0; n <= MAX_BATCH_COUNT; n++) batch.add({ json: 'a' });
    expect(sent.map(({ length }) => length)).toEqual([MAX_BATCH_COUNT]);
    batch.add({ json: 'x'.repeat(MAX_BATCH_BYTES) });
    expect(sent.map(({ length }) => length)).toEqual([MAX_BATCH_COUNT, 1, 1]);
  });

  it('can go before the turn ends: after all that followed from one message, however many promises that took', async () => {
    const { sent, batch } = gathering();
    setImmediate(() => {
      void (async () => {
        for (let n = 0; n < 20; n++) await Promise.resolve();
        batch.add({ json: 'late' });
      })();
      batch.add({ json: 'early' });
      afterConsequences(() => batch.flush());
    });
    const atOnce = new Promise<string[][]>((resolve) => setImmediate(() => resolve([...sent])));
    expect(await atOnce).toEqual([['early', 'late']]);
  });
});
