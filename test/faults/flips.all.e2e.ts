import { domainNames, type DomainName } from '@banyan/domains';
import { Deployment } from '../support/deployment';
import { Load } from './load';
import { Random } from './random';
import { aftermathOf, clean, verdict } from './scene';
import type { ServerProcess } from '../support/server-process';

jest.setTimeout(600_000);

/** With TEST_MATRIX=all as much as two cores to itself bear; else what a busy machine does within the deadlines of requests. */
const isFull = process.env['TEST_MATRIX'] === 'all';
const sizeOf = (name: string, full: number, small: number) => Number(process.env[`FLIPS_${name}`] ?? (isFull ? full : small));
const MOVES = sizeOf('MOVES', 100, 40);
const KILLS = sizeOf('KILLS', 10, 3);
const STOPS = sizeOf('STOPS', 10, 3);
const USERS = sizeOf('USERS', 50, 10);
/** Of each domain. */
const WORKERS = sizeOf('WORKERS', 2, 1);
/** Steps of the load between one fault and the next. */
const STEPS = sizeOf('STEPS', 20, 8);

let deployment: Deployment | undefined;

beforeEach(async () => {
  deployment = await Deployment.start({
    hosts: 2,
    workers: Object.fromEntries(domainNames.map((domain) => [domain, WORKERS])),
    remote: { relay: 0.5, message: 0.5, group: 0.5 },
  });
});

afterEach(() => deployment?.remove());

/** A load on both hosts that goes on until everything was done to them. */
async function underLoad(faults: (load: Load, random: Random) => Promise<void>) {
  const [host, other] = deployment!.hosts as [ServerProcess, ServerProcess];
  const load = await Load.prepare({
    baseUrl: host.url,
    otherUrls: [other.url],
    users: USERS,
    conversations: Math.ceil(1.6 * USERS),
    accounts: true,
    steps: Infinity,
    pauseMs: 1_000,
  });
  load.start();
  await load.further(STEPS);
  try {
    await faults(load, new Random(load.seed));
  } finally {
    load.stop();
  }
  return aftermathOf(load, (name) => deployment!.databaseUrl(name));
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

describe('two hosts and the workers of every domain, under load', () => {
  it('fail nobody while domains are moved, workers are killed and stopped, and a host is stopped', async () => {
    const codes: (number | null)[] = [];
    const moved = new Set<DomainName>();
    const after = await underLoad(async (load, random) => {
      let back: Promise<void> = Promise.resolve();
      /** Ends one, when the one before is back, and starts it again while the load and the other faults go on. */
      const end = async (process: ServerProcess, how: (process: ServerProcess) => Promise<void>) => {
        await back;
        await how(process);
        back = process.startAgain();
      };
      const move = async () => {
        const domain = random.of(domainNames);
        moved.add(domain);
        await deployment!.route(domain, { remote: random.of([0, 0.25, 0.5, 0.75, 1]) });
      };
      const worker = () => random.of(deployment!.workers).process;
      const kill = () => end(worker(), (process) => process.kill());
      const terminate = async (process: ServerProcess) => void codes.push(await process.terminate());
      const stop = () => end(worker(), terminate);
      const stopHost = () => end(random.of(deployment!.hosts), terminate);
      const faults = [
        ...Array(MOVES).fill(move),
        ...Array(KILLS).fill(kill),
        ...Array(STOPS).fill(stop),
        stopHost,
      ] as (() => Promise<void>)[];
      for (const fault of shuffled(faults, random)) {
        await fault();
        await load.further(STEPS);
      }
      await back;
    });
    expect(verdict(after)).toEqual(clean(after));
    expect({ run: after.load.toString(), failed: after.load.tally.failed }).toEqual({ run: after.load.toString(), failed: 0 });
    expect(codes).toEqual(Array(STOPS + 1).fill(0));
    expect([...moved].sort()).toEqual([...domainNames].sort());
  });
});
