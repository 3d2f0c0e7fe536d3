/** POST /relay/send against the bare program. */
import { setTimeout as delay } from 'node:timers/promises';

import { compare } from './compare.mjs';
import { median, number, printTable, printTarget, ratios, withSpread } from './figures.mjs';

const CONNECTIONS = 50;
const TARGET = 0.5;
/** Of each program's own highest rate. */
const SHARE = 0.7;

/** @returns how many messages each program has answered with 200 */
export async function measureSending({ banyan, bare, requestsFile }, { rounds, seconds }) {
  const load = { connections: CONNECTIONS, requestsFile };
  const backlogs = [];
  const drain = async () => backlogs.push(await drainOutbox(banyan.url));

  console.log('\nSending: warming up …');
  const warm = await compare({ banyan, bare }, { ...load, rounds: 1, seconds: 5 }, drain);
  backlogs.length = 0;
  console.log(`Sending: ${CONNECTIONS} connections, ${rounds} rounds of ${seconds} s each …`);
  const full = await compare({ banyan, bare }, { ...load, rounds, seconds }, drain);
  const fullBacklogs = backlogs.splice(0);
  const rates = { banyan: full.banyan.map(rateOf), bare: full.bare.map(rateOf) };
  const perSecond = { banyan: SHARE * median(rates.banyan), bare: SHARE * median(rates.bare) };
  const paced = await compare({ banyan, bare }, { ...load, rounds, seconds, perSecond }, drain);

  const ratio = ratios(rates.banyan, rates.bare);
  const latency = (results, key) =>
    withSpread(
      results.map((result) => result[key]),
      1,
    );
  printTable(
    'POST /relay/send',
    ['', 'Banyan', 'bare', 'ratio'],
    [
      ['requests/s at 50 connections', withSpread(rates.banyan), withSpread(rates.bare), withSpread(ratio, 2)],
      ...latencies('at 50 connections', full),
      [`requests/s at ${SHARE * 100} %`, number(perSecond.banyan), number(perSecond.bare), ''],
      ...latencies(`at ${SHARE * 100} %`, paced),
      ['outbox rows when a full load ends', withSpread(fullBacklogs.map(({ rows }) => rows)), 'kept', ''],
      [
        'seconds until the outbox is empty',
        withSpread(
          fullBacklogs.map(({ ms }) => ms / 1_000),
          2,
        ),
        '',
        '',
      ],
    ],
  );
  printTarget(`POST /relay/send reaches at least ${TARGET} of the bare program: ${number(median(ratio), 2)}`, median(ratio) >= TARGET);

  const answered = (name) => [...warm[name], ...full[name], ...paced[name]].reduce((sum, { ok }) => sum + ok, 0);
  return { banyan: answered('banyan'), bare: answered('bare') };

  function latencies(when, results) {
    return ['p50Ms', 'p99Ms'].map((key) => [
      `${key.slice(0, 3)} ${when}, ms`,
      latency(results.banyan, key),
      latency(results.bare, key),
      withSpread(
        ratios(
          results.banyan.map((result) => result[key]),
          results.bare.map((result) => result[key]),
        ),
        2,
      ),
    ]);
  }
}

const rateOf = ({ perSecond }) => perSecond;

/** What had not been published when the load ended, and how long that takes. */
async function drainOutbox(url) {
  const started = performance.now();
  const rows = await pendingEvents(url);
  while ((await pendingEvents(url)) > 0) await delay(20);
  return { rows, ms: performance.now() - started };
}

async function pendingEvents(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  return [...text.matchAll(/^banyan_outbox_pending\{.*\} (\d+)$/gm)].reduce((sum, [, rows]) => sum + Number(rows), 0);
}
