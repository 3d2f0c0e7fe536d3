/** From spawn to ready, and what it takes of memory: everything embedded, each worker, and each domain in a host. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { root } from '../../apps/server/install.mjs';
import { median, number, printTable, withSpread } from './figures.mjs';
import { ask, startBanyan } from './programs.mjs';
import { judge } from './targets.mjs';
import { residentMb } from './usage.mjs';

/** Until what a start leaves behind has been collected. */
const IDLE_MS = 3_000;
const WORKER_SECONDS = 2;

export async function measureStart(place, { embedded, workers, memory }) {
  const { domainNames } = createRequire(join(root, 'dist/package.json'))('./libs/domains.js');
  const settings = { ...place.settings('start'), AMQP_URL: place.servers.AMQP_URL, CARRIER_KEY: randomBytes(32).toString('hex') };
  console.log('\nStarting, with everything embedded …');
  await measureEmbedded(place.folder, embedded);
  console.log('\nStarting each worker …');
  const alone = domainNames.filter((name) => name !== 'media'); // by itself it needs an S3 server
  await measureWorkers(settings, alone, { cwd: place.folder, rounds: workers });
  console.log('\nMemory of each domain …');
  await measureMemory(settings, domainNames, memory);
}

/** On an empty folder and again on the same one. */
async function measureEmbedded(folder, rounds) {
  const figures = { first: [], second: [], idleMb: [] };
  for (let round = 0; round < rounds; round++) {
    const place = mkdtempSync(join(folder, 'start-'));
    for (const times of [figures.first, figures.second]) {
      const banyan = await startBanyan({ DATA_DIR: join(place, 'data') }, { cwd: place, name: 'embedded' });
      times.push(banyan.startedInMs / 1_000);
      if (times === figures.second) {
        await delay(IDLE_MS);
        figures.idleMb.push(residentMb(banyan.pid) ?? NaN);
      }
      await banyan.stop();
    }
    rmSync(place, { recursive: true, force: true });
  }
  printTable(
    'Start, with everything embedded',
    ['', ''],
    [
      ['first start (initdb, migrations), seconds from spawn to ready', withSpread(figures.first, 2)],
      ['second start, seconds', withSpread(figures.second, 2)],
      ['resident memory of an idle server (without PostgreSQL), MB', withSpread(figures.idleMb)],
    ],
  );
}

/** One after the other on databases that are migrated, so that none waits for another; then all of them, idle. */
async function measureWorkers(settings, domainNames, { cwd, rounds }) {
  const names = ['all', ...domainNames];
  const seconds = Object.fromEntries(names.map((name) => [name, []]));
  const idleMb = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    const running = [];
    try {
      // The first host makes the databases and does not count.
      for (const SERVE of round < 0 ? ['all'] : names) {
        const program = await startBanyan({ ...settings, PUBLIC_URL: 'http://localhost', SERVE }, { cwd, name: `start-${SERVE}` });
        running.push(program);
        if (round >= 0) seconds[SERVE].push(program.startedInMs / 1_000);
      }
      if (round < 0) continue;
      await delay(IDLE_MS);
      running.forEach(({ pid }, n) => idleMb[names[n]].push(residentMb(pid) ?? NaN));
    } finally {
      await Promise.all(running.map((program) => program.stop()));
    }
  }
  printTable(
    'Start on databases that are there',
    ['', 'seconds from spawn to ready', 'resident memory idle, MB'],
    names.map((name) => [name === 'all' ? 'host' : `worker of ${name}`, withSpread(seconds[name], 2), withSpread(idleMb[name])]),
  );
  const slowest = domainNames.reduce((a, b) => (median(seconds[a]) >= median(seconds[b]) ? a : b));
  judge(`start of the slowest worker (${slowest})`, seconds[slowest], { below: WORKER_SECONDS, unit: ' s' });
}

/** A host of all domains against one of all but this: code and connections that several need are nobody's alone. */
async function measureMemory(settings, domainNames, rounds) {
  const without = (domain) => domainNames.filter((name) => name !== domain);
  const lists = { all: domainNames, none: [], ...Object.fromEntries(domainNames.map((domain) => [domain, without(domain)])) };
  const found = Object.fromEntries(Object.keys(lists).map((name) => [name, []]));
  const env = { ...settings, PORT: '0', LOG_LEVEL: 'error' };
  for (let round = 0; round < rounds; round++)
    for (const names of inPairs(Object.keys(lists))) {
      const answers = await Promise.all(names.map((name) => ask('memory.mjs', { domains: lists[name] }, env)));
      answers.forEach((answer, n) => found[names[n]].push(answer));
    }
  const of = (name, key) => median(found[name].map((one) => one[key]));
  const whole = (title, name) => [title, number(of(name, 'heapMb'), 1), number(of(name, 'residentMb'))];
  printTable(
    'Memory of an idle host, MB',
    ['', 'heap in use', 'resident'],
    [
      whole('of no domain', 'none'),
      whole('of all domains', 'all'),
      // Of resident memory the difference is noise.
      ...domainNames.map((domain) => [`what ${domain} adds`, number(of('all', 'heapMb') - of(domain, 'heapMb'), 1), '']),
    ],
  );
}

const inPairs = (list) => Array.from({ length: Math.ceil(list.length / 2) }, (_, n) => list.slice(2 * n, 2 * n + 2));
