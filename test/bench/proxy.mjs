/** What the host adds to a request that it hands to the monolith: the same program asked directly and through the host, in turns, at a fixed load. */
import { people, requestsOf } from './data.mjs';
import { median, number, printTable, withSpread } from './figures.mjs';
import { ask, startBanyan, startBehind } from './programs.mjs';
import { cpuMs } from './usage.mjs';

const CONNECTIONS = 50;
const PER_SECOND = 500;
const KINDS = { me: 'GET /auth/me', send: 'POST /relay/send' };

export async function measureProxy(place, { rounds, seconds }) {
  const behind = await startBehind();
  const programs = [behind];
  try {
    const host = await startBanyan({ ...place.settings('proxy'), LEGACY_URL: behind.url }, { cwd: place.folder, name: 'proxy' });
    programs.push(host);
    const requests = requestsOf(people(), place.secret);
    const [latencies, costs] = [[], []];
    for (const [kind, title] of Object.entries(KINDS)) {
      console.log(`\nProxy: ${title}, ${PER_SECOND} requests/s, ${rounds} rounds of ${seconds} s each …`);
      const load = {
        connections: CONNECTIONS,
        requestsFile: place.write(`proxy-${kind}`, requests[kind]),
        seconds,
        perSecond: PER_SECOND,
      };
      const { direct, through } = await inTurns({ behind, host }, rounds, load);
      const row = (key, of) => [
        of(direct, key),
        of(through, key),
        withSpread(
          through.map((result, n) => result[key] - direct[n][key]),
          2,
        ),
      ];
      const spread = (results, key) =>
        withSpread(
          results.map((result) => result[key]),
          2,
        );
      latencies.push([`${title}: p50`, ...row('p50Ms', spread)], [`${title}: p99`, ...row('p99Ms', spread)]);
      const us = (results, key) => withSpread(results.map((result) => result[key]));
      costs.push([title, us(direct, 'behindUs'), us(through, 'behindUs'), us(through, 'hostUs')]);
      console.log(`The host takes ${number(median(through.map(({ hostUs }) => hostUs)))} µs of processor time a request.`);
    }
    printTable(`Proxy, ${PER_SECOND} requests/s at ${CONNECTIONS} connections, ms`, ['', 'direct', 'through the host', 'added'], latencies);
    printTable('Proxy, processor time, µs a request', ['', 'program, direct', 'program, through the host', 'host'], costs);
  } finally {
    await Promise.all(programs.map((program) => program.stop()));
  }
}

/** Direct, through, through, direct …; the first pair warms up and does not count. */
async function inTurns({ behind, host }, rounds, load) {
  const results = { direct: [], through: [] };
  for (let round = -1; round < rounds; round++) {
    for (const way of round % 2 === 0 ? ['direct', 'through'] : ['through', 'direct']) {
      const usedMs = () => [cpuMs(behind.pid), cpuMs(host.pid)];
      const before = usedMs();
      const result = await ask('load.mjs', { ...load, url: (way === 'direct' ? behind : host).url });
      if (result.failed > 0 || result.ok === 0) throw new Error(`${way}: ${result.failed} of ${result.ok + result.failed} requests failed`);
      const [behindUs, hostUs] = usedMs().map((ms, n) => ((ms - before[n]) * 1_000) / result.ok);
      if (round >= 0) results[way].push({ ...result, behindUs, hostUs });
    }
  }
  return results;
}
