import { randomUUID } from 'node:crypto';
import { Confirmed } from './confirmed';

let confirmed: Confirmed;
let done: number;
const work = async () => void done++;
beforeEach(() => {
  [confirmed, done] = [new Confirmed(), 0];
});

it('is done once for each message and each of the two, however its id is written', async () => {
  const id = randomUUID();
  for (const form of [id, id.toUpperCase(), id.replaceAll('-', '')]) await confirmed.once('read', form, work);
  expect(done).toBe(1);
  await confirmed.once('delivered', id, work);
  expect(done).toBe(2);
});

it('is done again if it failed', async () => {
  const id = randomUUID();
  await expect(confirmed.once('read', id, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await confirmed.once('read', id, work);
  expect(done).toBe(1);
});

it('keeps nothing of what is no id, and asks nobody about it', async () => {
  for (const other of ['', 'x'.repeat(1_000_000), null, undefined, 7, {}, { toString: 1 }, [randomUUID()]])
    await confirmed.once('read', other, work);
  expect(done).toBe(0);
});
