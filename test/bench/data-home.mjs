/** New code on the legacy database against new code on its own: the same server, people and load, on one PostgreSQL, in turns. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

import { root } from '../../apps/server/install.mjs';
import { compare } from './compare.mjs';
import { fill, people, requestsOf } from './data.mjs';
import { printTable, ratios, withSpread } from './figures.mjs';
import { startBanyan } from './programs.mjs';

const DOMAINS = ['auth', 'user', 'message'];
const CONNECTIONS = 50;
const LEGACY = 'legacy_home';

/**
 * @param env settings of a server
 * @param postgres of it the `pid`
 * @param writeRequests(name, requests) keeps them in a file and gives back where
 */
export async function measureDataHomes(env, { postgres, cwd, writeRequests }, { rounds, seconds }) {
  const serverUrl = env.DATABASE_URL;
  await makeLegacy(serverUrl);
  const everybody = people();
  const requests = requestsOf(everybody, env.JWT_SECRET_KEY);
  const settings = (name, redisDatabase) => ({
    ...env,
    ...Object.fromEntries(
      [...DOMAINS, 'host'].map((domain) => [`${domain.toUpperCase()}_DATABASE_URL`, at(serverUrl, `${name}_${domain}`)]),
    ),
    REDIS_URL: at(env.REDIS_URL, redisDatabase),
  });
  const onOwn = settings('own', 1);
  const onLegacy = { ...settings('beside', 2), LEGACY_DATABASE_URL: at(serverUrl, LEGACY) };
  const programs = [];
  try {
    for (const each of [onLegacy, onOwn]) programs.push(await startBanyan(each, { cwd }));
    const [legacy, own] = programs;
    execFileSync(process.execPath, [join(root, 'apps/cli/banyan.mjs'), 'data', '--legacy'], {
      cwd,
      env: { PATH: process.env.PATH, ...onLegacy },
    });
    await fill(serverUrl, Object.fromEntries(DOMAINS.map((domain) => [domain, `own_${domain}`])), everybody);
    await fill(serverUrl, Object.fromEntries(DOMAINS.map((domain) => [domain, LEGACY])), everybody);
    // The names are those of compare.mjs, which measures one program beside another.
    const both = { banyan: legacy, bare: own, postgres };
    const kinds = {
      send: 'POST /relay/send',
      emptyQueue: 'GET /relay/pending, nothing there',
      fullQueue: 'GET /relay/pending, 100 messages',
    };
    const rates = [];
    const costs = [];
    for (const [kind, title] of Object.entries(kinds)) {
      console.log(`\nData homes: ${title} …`);
      const load = { connections: CONNECTIONS, requestsFile: writeRequests(`home-${kind}`, requests[kind]), seconds };
      const settle = () => Promise.all(programs.map(({ url }) => untilPublished(url)));
      await compare(both, { ...load, rounds: 1, seconds: 4 }, settle); // warms up
      const results = await compare(both, { ...load, rounds }, settle);
      const row = (key, digits = 0) => {
        const [there, here] = [results.banyan, results.bare].map((list) => list.map((result) => result[key]));
        return [withSpread(there, digits), withSpread(here, digits), withSpread(ratios(there, here), 2)];
      };
      rates.push([`${title}: requests/s`, ...row('perSecond')], [`${title}: p50, ms`, ...row('p50Ms')]);
      costs.push([`${title}: program`, ...row('programUs')], [`${title}: PostgreSQL`, ...row('postgresUs')]);
    }
    const head = ['', 'on the legacy database', 'on its own', 'ratio'];
    printTable(`Data homes, ${CONNECTIONS} connections`, head, rates);
    printTable('Data homes, processor time, µs a request', head, costs);
  } finally {
    await Promise.all(programs.map((program) => program.stop()));
  }
}

/** Legacy's schema in its usual variant, prepared as `banyan legacy prepare` does it. */
async function makeLegacy(serverUrl) {
  await withClient(serverUrl, (client) => client.query(`CREATE DATABASE ${LEGACY}`));
  const require = createRequire(join(root, 'dist/package.json'));
  const { prepareLegacy } = require('./libs/migration/src/prepare/prepare.js');
  const { makeSideTables } = require('./libs/migration/src/prepare/side.js');
  const url = at(serverUrl, LEGACY);
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

function at(url, path) {
  const changed = new URL(url);
  changed.pathname = `/${path}`;
  return changed.href;
}

async function untilPublished(url) {
  for (;;) {
    const text = await (await fetch(`${url}/metrics`)).text();
    if ([...text.matchAll(/^banyan_outbox_pending\{.*\} (\d+)$/gm)].every(([, rows]) => rows === '0')) return;
    await delay(20);
  }
}
