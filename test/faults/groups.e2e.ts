import { Deployment } from '../support/deployment';
import { Load } from './load';
import { aftermathOf, clean, verdict } from './scene';

jest.setTimeout(240_000);

let deployment: Deployment | undefined;

beforeEach(async () => {
  deployment = await Deployment.start({ workers: { group: 2 }, remote: { group: 1 } });
});

afterEach(() => deployment?.remove());

it('services of group that are killed while people write to groups: nothing acknowledged is lost, nothing is there twice', async () => {
  const load = await Load.prepare({ baseUrl: deployment!.url, users: 12, conversations: 12, groups: 12, steps: Infinity, pauseMs: 20 });
  load.start();
  try {
    for (let round = 0; round < 3; round++) {
      for (const { process } of deployment!.workers) {
        await load.further(40);
        await process.kill();
        await load.further(40);
        await process.startAgain();
      }
    }
    await load.further(40);
  } finally {
    load.stop();
  }
  const after = await aftermathOf(load, (name) => deployment!.databaseUrl(name));
  expect(verdict(after)).toEqual(clean(after));
  expect((await deployment!.attempts('group'))['remote']).toBeGreaterThan(0);
});
