import type { DomainName } from '@banyan/domains';
import { Deployment } from '../support/deployment';
import { type Servers, startServers } from '../support/servers';
import type { ServerProcess } from '../support/server-process';
import { until } from '../support/until';
import { Load } from './load';
import { Random } from './random';
import { aftermathOf, clean, verdict } from './scene';

jest.setTimeout(600_000);

/** With TEST_MATRIX=all as many users as the load is meant for; else what a busy machine does in a minute. */
const isFull = process.env['TEST_MATRIX'] === 'all';
const sizeOf = (name: string, full: number, small: number) => Number(process.env[`WEIGHTS_${name}`] ?? (isFull ? full : small));
const USERS = sizeOf('USERS', 50, 10);
const ROUNDS = sizeOf('ROUNDS', 6, 2);
/** Steps of the load between one fault and the next. */
const STEPS = sizeOf('STEPS', 200, 25);
const PAUSE_MS = sizeOf('PAUSE_MS', 1_000, 150);

const DOMAINS = ['relay', 'auth', 'user', 'message', 'group', 'media'] as const satisfies readonly DomainName[];

let servers: Servers | undefined;
let deployment: Deployment | undefined;

beforeEach(async () => {
  servers = await startServers('legacy-postgres');
  const postgres = servers.env['TEST_LEGACY_DATABASE_URL']!;
  deployment = await Deployment.start({ hosts: 2, legacy: { variant: 'text', postgres } });
});

afterEach(async () => {
  await deployment?.remove();
  await servers?.stop();
  servers = deployment = undefined;
});

/** Of any of them, to any share. What is refused while a database is away is asked again, as an operator does. */
async function moveSome(random: Random): Promise<void> {
  for (const domain of DOMAINS) {
    const legacy = random.of([0, 0.5, 0.75, 0.9, 1]);
    await until(() =>
      deployment!.route(domain, { legacy }).then(
        () => true,
        () => false,
      ),
    );
  }
}

describe('while weights move, under load', () => {
  it('kill -9 of legacy, of its database and of a host loses nothing that was confirmed', async () => {
    const [host, other] = deployment!.hosts as [ServerProcess, ServerProcess];
    const { legacy } = deployment!;
    const load = await Load.prepare({
      baseUrl: host.url,
      otherUrls: [other.url],
      users: USERS,
      conversations: Math.ceil(1.6 * USERS),
      accounts: true,
      steps: Infinity,
      pauseMs: PAUSE_MS,
      monolith: 'mortal',
    });
    const random = new Random(load.seed);
    const faults: (() => Promise<void>)[] = [
      async () => {
        await legacy.kill();
        // Nobody gets any further, if everybody is just about to ask for what it serves.
        await Promise.race([load.further(STEPS), load.unserved(10 * USERS)]);
        await legacy.startAgain();
      },
      async () => {
        const dying = random.of([host, other]);
        await dying.kill();
        await load.further(STEPS);
        await dying.startAgain();
      },
      async () => {
        await servers!.kill('legacy-postgres');
        await load.unserved(20);
        await servers!.start('legacy-postgres');
      },
    ];
    load.start();
    try {
      await moveSome(random);
      for (let round = 0; round < ROUNDS; round++) {
        for (const fault of faults) {
          await load.further(STEPS);
          await Promise.all([moveSome(random), fault()]);
        }
      }
      await load.further(STEPS);
    } finally {
      load.stop();
    }
    const after = await aftermathOf(load, (name) => deployment!.databaseUrl(name));
    expect(verdict(after)).toEqual(clean(after));
    expect(load.tally.unserved).toBeGreaterThan(0);
  });
});
