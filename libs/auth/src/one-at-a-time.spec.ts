import { OneAtATime } from './one-at-a-time';

function step() {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { ended, end };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

it('work of one name runs in order, one at a time; work of other names does not wait', async () => {
  const works = new OneAtATime();
  const log: string[] = [];
  const [first, second] = [step(), step()];
  const run = (name: string, label: string, until: Promise<void>) =>
    works.run(name, async () => {
      log.push(`${label} begins`);
      await until;
      log.push(`${label} ends`);
      return label;
    });
  const answers = [run('ada', 'one', first.ended), run('ada', 'two', second.ended), run('bob', 'three', Promise.resolve())];
  await turn();
  expect(log).toEqual(['one begins', 'three begins', 'three ends']);
  first.end();
  second.end();
  expect(await Promise.all(answers)).toEqual(['one', 'two', 'three']);
  expect(log.slice(3)).toEqual(['one ends', 'two begins', 'two ends']);
});

it('a failure is its own and does not stop what waits behind it', async () => {
  const works = new OneAtATime();
  const failing = works.run('ada', async () => {
    throw new Error('mine');
  });
  const next = works.run('ada', async () => 'fine');
  await expect(failing).rejects.toThrow('mine');
  expect(await next).toBe('fine');
});

it('names are forgotten when nobody works under them', async () => {
  const works = new OneAtATime();
  await Promise.all(Array.from({ length: 100 }, (_, n) => works.run(`${n % 10}`, async () => n)));
  await turn();
  expect((works as unknown as { last: Map<string, unknown> }).last.size).toBe(0);
});
