import { spreadOut } from './spread';

it('ends some now and the others later, all of them, each once', async () => {
  // Time stands still: no slow machine makes up for what was waited for.
  const now = jest.spyOn(performance, 'now').mockReturnValue(0);
  const ended: number[] = [];
  const all = Array.from({ length: 8 }, (_, n) => n);
  const done = spreadOut(all, (n) => ended.push(n));
  expect(ended).toEqual([0, 1, 2]);
  await done;
  expect(ended).toEqual(all);
  now.mockRestore();
});

it('of none is done at once', async () => {
  await spreadOut([], () => expect(true).toBe(false));
});
