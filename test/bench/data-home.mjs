/** New code on the legacy database against new code on its own: the same server, people and load, on one PostgreSQL, in turns. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

import { root } from '../../apps/server/install.mjs';
import { Columns, compare, rate } from './compare.mjs';
import { fillQueues, people, QUEUED, READERS, requestsOf } from './data.mjs';
import { number, printTable } from './figures.mjs';
import { pathed } from './place.mjs';
import { startBanyan } from './programs.mjs';
import { cpuMs } from './usage.mjs';

const TITLES = { own: 'on its own database', legacy: 'on the legacy database' };
const KINDS = {
  send: { title: 'POST /relay/send', connections: 50 },
  emptyQueue: { title: 'GET /relay/pending, nothing there', connections: 50 },
  fullQueue: { title: `GET /relay/pending, ${number(QUEUED)} messages`, connections: READERS },
};
const LEGACY = 'legacy_home';

export async function measureDataHomes(place, { rounds, seconds }) {
  const legacyUrl = pathed(place.servers.DATABASE_URL, LEGACY);
  await makeLegacy(place.servers.DATABASE_URL, legacyUrl);
  const everybody = people();
  const requests = requestsOf(everybody, place.secret);
  const onOwn = place.settings('home_own');
  const onLegacy = { ...place.settings('home_legacy'), LEGACY_DATABASE_URL: legacyUrl };
  const programs = [];
  try {
    for (const [name, each] of Object.entries({ legacy: onLegacy, own: onOwn }))
      programs.push(await startBanyan(each, { cwd: place.folder, name: `home-${name}` }));
    execFileSync(process.execPath, [join(root, 'apps/cli/banyan.mjs'), 'data', '--legacy'], {
      cwd: place.folder,
      env: { PATH: process.env.PATH, ...onLegacy },
    });
    await fillQueues(onOwn, everybody);
    await fillQueues(
      place.databases(() => LEGACY),
      everybody,
    );
    const measured = ({ url, pid }) => ({
      url,
      meters: { program: () => cpuMs(pid), postgres: place.meters.postgres },
      settle: () => Promise.all(programs.map((program) => untilPublished(program.url))),
    });
    const both = { own: measured(programs[1]), legacy: measured(programs[0]) };
    const [rates, costs] = [[], []];
    let head;
    for (const [kind, { title, connections }] of Object.entries(KINDS)) {
      console.log(`\nData homes: ${title} …`);
      const load = { connections, requestsFile: place.write(`home-${kind}`, requests[kind]), seconds };
      await compare(both, { ...load, rounds: 1, seconds: 4 }); // warms up
      const columns = new Columns(await compare(both, { ...load, rounds }), 'own');
      head ??= columns.head(TITLES);
      rates.push(
        columns.line(`${title}: requests/s`, rate),
        columns.line(`${title}: p50, ms`, ({ p50Ms }) => p50Ms),
      );
      costs.push(
        columns.line(`${title}: program`, ({ us }) => us.program),
        columns.line(`${title}: PostgreSQL`, ({ us }) => us.postgres),
      );
    }
    printTable('Data homes', head, rates);
    printTable('Data homes, processor time, µs a request', head, costs);
  } finally {
    await Promise.all(programs.map((program) => program.stop()));
  }
}

/** Legacy's schema in its usual variant, prepared as `banyan legacy prepare` does it. */
async function makeLegacy(serverUrl, url) {
  await withClient(serverUrl, (client) => client.query(`CREATE DATABASE ${LEGACY}`));
  const require = createRequire(join(root, 'dist/package.json'));
  const { prepareLegacy } = require('./libs/migration/src/prepare/prepare.js');
  const { makeSideTables } = require('./libs/migration/src/prepare/side.js');
  await withClient(url, async (client) => {
    await client.query(readFileSync(join(root, 'test/legacy/schema.sql'), 'utf8'));
    await prepareLegacy(client);
  });
  await makeSideTables(url);
}

async function withClient(connectionString, work) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function untilPublished(url) {
  for (;;) {
    const text = await (await fetch(`${url}/metrics`)).text();
    if ([...text.matchAll(/^banyan_outbox_pending\{.*\} (\d+)$/gm)].every(([, rows]) => rows === '0')) return;
    await delay(20);
  }
}
