/** The same program with its work in the host and with its work in other processes, and how long such a change takes to be followed. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

import { fill, people, requestsOf } from './data.mjs';
import { median, number, printTable, quantile, ratios, withSpread } from './figures.mjs';
import { ask, startBanyan } from './programs.mjs';
import { drainOutbox } from './send.mjs';
import { cpuMs, familyCpuMs } from './usage.mjs';

const MOVED = ['relay', 'user', 'message'];
const CONNECTIONS = 50;
/** Databases of their own: the ones that the other parts fill have the same people in them. */
const DATABASES = { auth: 'split_auth', user: 'split_user', message: 'split_message', host: 'split_host' };

/**
 * A host and a worker for each of relay, user and message; what moves between the rounds is the route.
 *
 * @param postgres of which only the `pid`
 * @param writeRequests keeps lists of requests for load.mjs and gives the file's name
 */
export async function measureSplit(settings, { postgres, cwd, writeRequests }, { rounds, seconds, flips }) {
  const databases = Object.entries(DATABASES).map(([name, database]) => [
    `${name.toUpperCase()}_DATABASE_URL`,
    at(settings.DATABASE_URL, database),
  ]);
  const env = { ...settings, ...Object.fromEntries(databases), CARRIER_KEY: randomBytes(32).toString('hex') };
  const programs = [];
  const operator = new pg.Client({ connectionString: at(settings.DATABASE_URL, DATABASES.host) });
  try {
    const host = await startBanyan({ ...env, SERVE: 'all' }, { cwd });
    programs.push(host);
    const workers = await Promise.all(MOVED.map((domain) => startBanyan({ ...env, PUBLIC_URL: host.url, SERVE: domain }, { cwd })));
    programs.push(...workers);
    await operator.connect();
    const everybody = people();
    await fill(settings.DATABASE_URL, DATABASES, everybody);
    const requestsFile = writeRequests('split', requestsOf(everybody, settings.JWT_SECRET_KEY).send);
    await compareHomes({ host, workers, postgres, operator }, { rounds, load: { connections: CONNECTIONS, seconds, requestsFile } });
    await measureFlips(operator, flips);
  } finally {
    await operator.end();
    await Promise.all(programs.map((program) => program.stop()));
  }
}

async function compareHomes({ host, workers, postgres, operator }, { rounds, load }) {
  console.log(
    `\nSending with ${MOVED.join(', ')} in the host and elsewhere: ${CONNECTIONS} connections, ${rounds} rounds of ${load.seconds} s each …`,
  );
  const results = { local: [], remote: [] };
  for (let round = -1; round < rounds; round++) {
    for (const home of round % 2 === 0 ? ['local', 'remote'] : ['remote', 'local']) {
      for (const domain of MOVED) await untilFollowed(operator, await changeRoute(operator, domain, home));
      const usedMs = () => [cpuMs(host.pid), workers.reduce((sum, { pid }) => sum + cpuMs(pid), 0), familyCpuMs(postgres.pid)];
      const before = usedMs();
      const result = await ask('load.mjs', { ...load, url: host.url });
      if (result.failed > 0 || result.ok === 0)
        throw new Error(`${home}: ${result.failed} of ${result.ok + result.failed} requests failed`);
      await drainOutbox(host.url);
      const [hostUs, workersUs, postgresUs] = usedMs().map((ms, n) => ((ms - before[n]) * 1_000) / result.ok);
      if (round >= 0) results[home].push({ ...result, hostUs, workersUs, postgresUs }); // the first warms up
    }
  }
  const row = (title, key) => {
    const [remote, local] = [results.remote, results.local].map((list) => list.map((result) => result[key]));
    const ratio = median(local) > 0 ? withSpread(ratios(remote, local), 2) : '';
    return [title, withSpread(remote), withSpread(local), ratio];
  };
  printTable(
    `POST /relay/send with ${MOVED.join(', ')} remote, against all local`,
    ['', 'remote', 'local', 'ratio'],
    [
      row(`requests/s at ${CONNECTIONS} connections`, 'perSecond'),
      row('p50, ms', 'p50Ms'),
      row('p99, ms', 'p99Ms'),
      row('processor time of the host, µs a request', 'hostUs'),
      row(`processor time of the ${workers.length} workers, µs a request`, 'workersUs'),
      row('processor time of PostgreSQL, µs a request', 'postgresUs'),
    ],
  );
}

/** From the commit of a change until every process has told that it follows it. */
async function measureFlips(operator, flips) {
  console.log(`\nMoving a route, ${flips} times each …`);
  const measure = async (isAnnounced) => {
    const took = [];
    for (let n = 0; n < flips; n++) {
      await delay(Math.random() * 1_000); // at any moment between two looks
      const version = await changeRoute(operator, 'user', n % 2 === 0 ? 'remote' : 'local', isAnnounced);
      const changed = performance.now();
      await untilFollowed(operator, version);
      took.push(performance.now() - changed);
    }
    return took;
  };
  const row = (title, took) => [title, number(median(took)), number(quantile(took, 1))];
  printTable(
    'A route change, until every process follows it, ms',
    ['', 'p50', 'max'],
    [row('announced', await measure(true)), row('the announcement lost', await measure(false))],
  );
}

/** As banyan_host keeps a change. @param isAnnounced false: as if the notification had been lost @returns its version */
async function changeRoute(operator, domain, home, isAnnounced = true) {
  const { rows } = await operator.query(
    `WITH change AS (
       INSERT INTO banyan_host.route_changes (domain, remote, local, legacy, previous, changed_by, reason)
       VALUES ($1, $2, 10000 - $2, 0, '{}', 'bench', 'bench') RETURNING *
     )
     INSERT INTO banyan_host.routes (domain, remote, local, legacy, previous, changed_by, reason, changed_at, version)
     SELECT domain, remote, local, legacy, previous, changed_by, reason, changed_at, version FROM change
     ON CONFLICT (domain) DO UPDATE SET (remote, local, previous, changed_at, version) =
       (excluded.remote, excluded.local, excluded.previous, excluded.changed_at, excluded.version)
     RETURNING version::int`,
    [domain, home === 'remote' ? 10_000 : 0],
  );
  if (isAnnounced) await operator.query(`SELECT pg_notify('banyan_host_changes', '')`);
  return rows[0].version;
}

async function untilFollowed(operator, version) {
  for (;;) {
    const { rows } = await operator.query('SELECT min(route_version)::int AS version FROM banyan_host.instances');
    if (rows[0].version >= version) return;
    await delay(2);
  }
}

function at(serverUrl, database) {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
