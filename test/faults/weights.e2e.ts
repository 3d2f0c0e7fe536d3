import type { DomainName } from '@banyan/domains';
import { type Variant, variants } from '@banyan/migration/prepare/kinds';
import { caseHooks } from '../legacy-app/hooks';
import { playCases } from '../legacy/play-cases';
import { servedCases } from '../legacy/sections';
import { Deployment } from '../support/deployment';
import { Load } from './load';
import { aftermathOf, clean, verdict } from './scene';

jest.setTimeout(600_000);

/** With TEST_MATRIX=all as many users as the load is meant for; else what a busy machine does in a minute. */
const isFull = process.env['TEST_MATRIX'] === 'all';
const sizeOf = (name: string, full: number, small: number) => Number(process.env[`WEIGHTS_${name}`] ?? (isFull ? full : small));
const USERS = sizeOf('USERS', 50, 10);
const HOSTS = sizeOf('HOSTS', 2, 2);
/** Steps of the load between one move and the next. */
const STEPS = sizeOf('STEPS', 200, 30);
const PAUSE_MS = sizeOf('PAUSE_MS', 1_000, 200);

/** What new code does of it, one after the other; the rest is legacy's. */
const WAY = [0.1, 0.25, 0.5, 1, 0];
const DOMAINS = ['relay', 'auth', 'user', 'message', 'group', 'media'] as const;
const ALONE = DOMAINS.map((domain) => [domain]);
/** Which domains are moved together, one after the other. */
const TOURS: Readonly<Record<Variant, readonly (readonly DomainName[])[]>> = isFull
  ? { text: [...ALONE, DOMAINS], bytea: [...ALONE, DOMAINS] }
  : { text: ALONE, bytea: [DOMAINS] };

let deployment: Deployment | undefined;

beforeEach(() => {
  deployment = undefined;
});

afterEach(() => deployment?.remove());

/** Moves all of these, one right after the other; `remote` is the part of ours that services do. @returns the version of the last move */
async function moveTo(domains: readonly DomainName[], ours: number, remote = 0): Promise<number> {
  let version = 0;
  for (const domain of domains) version = await deployment!.route(domain, { legacy: 1 - ours, remote: ours * remote });
  return version;
}

/** How often legacy was asked for something that new code serves; also then it is asked for files that are not known here. */
async function askedOfLegacy(): Promise<number> {
  const attempts = await Promise.all(DOMAINS.filter((domain) => domain !== 'media').map((domain) => deployment!.attempts(domain)));
  return attempts.reduce((sum, { legacy = 0 }) => sum + legacy, 0);
}

/** Sockets stay where they are. */
const cases = servedCases.filter(({ steps }) => steps === undefined);

/** With all of them at new code. @returns what did not pass, and how often legacy was asked all the same */
async function failedCases(): Promise<{ failed: string[]; strayed: number }> {
  await deployment!.followed(await moveTo(DOMAINS, 1));
  const before = await askedOfLegacy();
  const outcomes = await playCases(deployment!.url, cases, { hooks: caseHooks(deployment!.databaseUrl('auth_db')) });
  const failed = cases.flatMap(({ name }, i) => (outcomes[i] === 'ok' ? [] : [`${name}: ${outcomes[i]}`]));
  return { failed, strayed: (await askedOfLegacy()) - before };
}

/** A load while these move along the way, and its verdict. */
async function playWay(tours: readonly (readonly DomainName[])[], remote = 0): Promise<void> {
  const [baseUrl, ...otherUrls] = deployment!.hosts.map(({ url }) => url) as [string, ...string[]];
  const load = await Load.prepare({
    baseUrl,
    otherUrls,
    users: USERS,
    conversations: Math.ceil(1.6 * USERS),
    accounts: true,
    steps: Infinity,
    pauseMs: PAUSE_MS,
    monolith: 'steady',
  });
  load.start();
  try {
    await load.further(STEPS);
    for (const domains of tours) {
      for (const ours of WAY) {
        await moveTo(domains, ours, remote);
        await load.further(STEPS);
      }
    }
  } finally {
    load.stop();
  }
  const after = await aftermathOf(load, (name) => deployment!.databaseUrl(name));
  expect(verdict(after)).toEqual(clean(after));
  expect({ run: load.toString(), unserved: load.tally.unserved }).toEqual({ run: load.toString(), unserved: 0 });
  expect(await askedOfLegacy()).toBeGreaterThan(0);
}

describe.each(variants)('on a legacy database (%s), under load', (variant) => {
  it('users go to new code and back, and nobody notices; at the end all of it is there', async () => {
    deployment = await Deployment.start({ hosts: HOSTS, legacy: { variant } });
    await playWay(TOURS[variant]);
    expect(await failedCases()).toEqual({ failed: [], strayed: 0 });
  });

  it('they go to services, to hosts and to the monolith at the same time', async () => {
    const workers = Object.fromEntries(DOMAINS.map((domain) => [domain, 1]));
    deployment = await Deployment.start({ hosts: HOSTS, workers, legacy: { variant } });
    await playWay([DOMAINS], 0.5);
    expect((await deployment.attempts('relay')).remote).toBeGreaterThan(0);
  });
});
