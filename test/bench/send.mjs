/** POST /relay/send against the bare program. */
import { setTimeout as delay } from 'node:timers/promises';

import { compare } from './compare.mjs';
import { median, number, printTable, printTarget, ratios, withSpread } from './figures.mjs';

const CONNECTIONS = 50;
const TARGET = 0.5;
/** Of each program's own highest rate. */
const SHARE = 0.7;

/** @returns how many messages each program has answered with 200 */
export async function measureSending(programs, { rounds, seconds, requestsFile }) {
  const load = { connections: CONNECTIONS, requestsFile };
  const backlogs = [];
  const settle = async (name) => {
    if (name === 'banyan') backlogs.push(await drainOutbox(programs.banyan.url));
  };

  console.log('\nSending: warming up …');
  const warm = await compare(programs, { ...load, rounds: 1, seconds: 10 }, settle);
  backlogs.length = 0;
  console.log(`Sending: ${CONNECTIONS} connections, ${rounds} rounds of ${seconds} s each …`);
  const full = await compare(programs, { ...load, rounds, seconds }, settle);
  const fullBacklogs = backlogs.splice(0);
  const perSecond = { banyan: SHARE * median(values(full.banyan, 'perSecond')), bare: SHARE * median(values(full.bare, 'perSecond')) };
  console.log(`Sending: ${SHARE * 100} % of that, evenly …`);
  const paced = await compare(programs, { ...load, rounds: Math.ceil(rounds / 2), seconds, perSecond }, settle);

  const ratio = median(ratiosOf(full, 'perSecond'));
  printTable(
    'POST /relay/send',
    ['', 'Banyan', 'bare', 'ratio'],
    [
      row('requests/s at 50 connections', full, 'perSecond'),
      row('p50 at 50 connections, ms', full, 'p50Ms'),
      row('p99 at 50 connections, ms', full, 'p99Ms'),
      row('processor time of the program, µs a request', full, 'programUs'),
      row('processor time of PostgreSQL, µs a request', full, 'postgresUs'),
      row(`requests/s at ${SHARE * 100} %`, paced, 'perSecond'),
      row(`p50 at ${SHARE * 100} %, ms`, paced, 'p50Ms', 1),
      row(`p99 at ${SHARE * 100} %, ms`, paced, 'p99Ms', 1),
      ['events not published when a full load ends', withSpread(fullBacklogs.map(({ rows }) => rows)), 'all', ''],
      ['ms until they are', withSpread(fullBacklogs.map(({ ms }) => ms)), 'never', ''],
    ],
  );
  printTarget(`POST /relay/send reaches at least ${TARGET} of the bare program: ${number(ratio, 2)}`, ratio >= TARGET);

  const answered = (name) => [...warm[name], ...full[name], ...paced[name]].reduce((sum, { ok }) => sum + ok, 0);
  return { banyan: answered('banyan'), bare: answered('bare') };
}

const values = (results, key) => results.map((result) => result[key]);
const ratiosOf = ({ banyan, bare }, key) => ratios(values(banyan, key), values(bare, key));

function row(title, results, key, digits = 0) {
  const [ours, theirs] = [results.banyan, results.bare].map((list) => withSpread(values(list, key), digits));
  return [title, ours, theirs, withSpread(ratiosOf(results, key), 2)];
}

/** What had not been published when the load ended, and how long that takes. */
export async function drainOutbox(url) {
  const started = performance.now();
  const rows = await pendingEvents(url);
  while ((await pendingEvents(url)) > 0) await delay(20);
  return { rows, ms: performance.now() - started };
}

async function pendingEvents(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  return [...text.matchAll(/^banyan_outbox_pending\{.*\} (\d+)$/gm)].reduce((sum, [, rows]) => sum + Number(rows), 0);
}
