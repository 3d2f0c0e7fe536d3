import { until } from '../../../../test/support/until';
import { FrameQueue } from './frame-queue';

class Source {
  isPaused = false;
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
}

let source: Source;
let taken: string[];
let go: (() => void)[];
let queue: FrameQueue;
const takeOne = async () => {
  await until(async () => go.length > 0);
  go.shift()!();
};

beforeEach(() => {
  [source, taken, go] = [new Source(), [], []];
  queue = new FrameQueue(
    () => source,
    async (text) => {
      taken.push(text);
      await new Promise<void>((resolve) => go.push(resolve));
      if (text === 'bad') throw new Error('bad');
    },
  );
});

it('takes one after the other, also after one that failed', async () => {
  for (const text of ['one', 'bad', 'two']) queue.add(text);
  for (const soFar of [['one'], ['one', 'bad'], ['one', 'bad', 'two']]) {
    expect(taken).toEqual(soFar);
    await takeOne();
    await until(async () => taken.length > soFar.length || soFar.length === 3);
  }
});

it.each([
  ['many', 70, 10],
  ['large', 3, 600_000],
])('does not read from whoever has %s waiting, until they are fewer', async (_how, count, length) => {
  for (let i = 0; i < count; i++) queue.add('x'.repeat(length));
  expect(source.isPaused).toBe(true);
  for (let i = 0; i < count; i++) await takeOne();
  await until(async () => !source.isPaused);
  queue.add('one more');
  expect(source.isPaused).toBe(false);
});
