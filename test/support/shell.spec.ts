import { Shell } from './shell';

const { PATH } = process.env;

it('keeps what was said before, and tells output and exit code of each piece', async () => {
  const shell = new Shell('/', { PATH });
  expect(await shell.run('name=ada; pwd')).toEqual({ printed: '/\n', exitCode: 0 });
  expect(await shell.run('echo $name; (exit 3)')).toEqual({ printed: 'ada\n', exitCode: 3 });
  await shell.close();
});

it.each([
  ['idle', 'true'],
  ['in a loop that never ends', 'until false; do sleep 0.05; done'],
])('ends with its jobs when it is %s', async (_, commands) => {
  const shell = new Shell('/', { PATH });
  const { printed } = await shell.run('sleep 1000 & echo $!');
  const job = Number(printed.trim().split('\n').at(-1));
  const running = shell.run(commands).catch(() => undefined);
  await shell.close();
  await running;
  expect(() => process.kill(job, 0)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
});
