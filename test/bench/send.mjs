/** POST /relay/send: the bare program, Banyan in one process, and Banyan with three domains in processes of their own. */
import { Columns, compare, rate } from './compare.mjs';
import { BARE_DATABASES, countMessages, fillQueues, people, prepareBare, requestsOf } from './data.mjs';
import { Deployment } from './deployment.mjs';
import { median, number, printTable, withSpread } from './figures.mjs';
import { startBare } from './programs.mjs';
import { judge } from './targets.mjs';
import { cpuMs, residentMb } from './usage.mjs';

const MOVED = ['relay', 'user', 'message'];
const CONNECTIONS = 50;
/** Of each one's own highest rate. */
const SHARE = 0.7;
const WAYS = { bare: 'bare', local: 'all local', remote: `${MOVED.join(', ')} remote` };
const TARGETS = { local: { atLeast: 0.7, aim: 1 }, remote: { atLeast: 0.35, aim: 0.5 } };

/** @param ways of WAYS: without `remote` there are no workers */
export async function measureSending(place, { warmUpSeconds, rounds, pacedRounds, seconds, ways = Object.keys(WAYS) }) {
  const settings = { ...place.settings('send'), AMQP_URL: place.servers.AMQP_URL };
  const bareSettings = place.databases(() => BARE_DATABASES.send);
  await prepareBare(place.servers.DATABASE_URL, BARE_DATABASES.send);
  const moved = ways.includes('remote') ? MOVED : [];
  const deployment = await Deployment.start(settings, { cwd: place.folder, moved, name: 'send', broker: place.meters.broker });
  let bare;
  try {
    bare = await startBare(bareSettings.MESSAGE_DATABASE_URL, place.secret);
    const everybody = people();
    await Promise.all([settings, bareSettings].map((databases) => fillQueues(databases, everybody)));
    const requestsFile = place.write('send', requestsOf(everybody, place.secret).send);
    const stored = () => Promise.all([settings, bareSettings].map(countMessages));

    const before = await stored();
    const load = { connections: CONNECTIONS, requestsFile, warmUpSeconds, rounds, pacedRounds, seconds };
    const measured = await underLoad(programsOf({ place, deployment, bare, ways }), load);
    const [own, theirs] = (await stored()).map((count, n) => count - before[n]);
    report(measured, deployment);

    const answered = { own: measured.answered('local') + measured.answered('remote'), theirs: measured.answered('bare') };
    console.log(`\nAnswered ${number(answered.own)} (bare: ${number(answered.theirs)}), stored ${number(own)} (${number(theirs)}).`);
    if (own < answered.own || theirs < answered.theirs) throw new Error('messages were answered and are not there');
    const failed = await deployment.failedEvents();
    if (failed > 0) throw new Error(`handlers have failed with ${failed} events, which made it look faster than it is`);
  } finally {
    await Promise.all([deployment.stop(), bare?.stop()]);
  }
}

/** Local and remote are the same processes, all of which run all the time. */
function programsOf({ place, deployment, bare, ways }) {
  const backlogs = { local: [], remote: [] };
  const { program, workers } = deployment.meters;
  const banyan = (home, meters) => ({
    url: deployment.host.url,
    meters: { program, ...meters, ...place.meters },
    begin: () => deployment.move(home),
    settle: async () => backlogs[home].push(await deployment.drain()),
  });
  const all = {
    bare: { url: bare.url, meters: { program: () => cpuMs(bare.pid), idle: () => program() + workers(), ...place.meters } },
    local: banyan('local', { idle: workers }),
    remote: banyan('remote', { workers }),
  };
  return { backlogs, programs: Object.fromEntries(ways.map((way) => [way, all[way]])) };
}

async function underLoad({ programs, backlogs }, { warmUpSeconds, rounds, pacedRounds, ...load }) {
  console.log('\nSending: warming up …');
  const warm = await compare(programs, { ...load, rounds: 1, seconds: warmUpSeconds });
  console.log(`Sending: ${load.connections} connections, ${rounds} rounds of ${load.seconds} s each …`);
  for (const list of Object.values(backlogs)) list.length = 0;
  const full = await compare(programs, { ...load, rounds });
  const fullBacklogs = Object.fromEntries(Object.entries(backlogs).map(([home, list]) => [home, [...list]]));
  const perSecond = Object.fromEntries(Object.entries(full).map(([way, results]) => [way, SHARE * median(results.map(rate))]));
  console.log(`Sending: ${SHARE * 100} % of that, evenly …`);
  const paced = await compare(programs, { ...load, rounds: pacedRounds, perSecond });
  const answered = (way) => [warm, full, paced].flatMap((results) => results[way] ?? []).reduce((sum, { ok }) => sum + ok, 0);
  return { full, paced, backlogs: fullBacklogs, answered };
}

function report({ full, paced, backlogs }, { host, workers, moved }) {
  const [base] = Object.keys(full);
  const [atFull, at70] = [full, paced].map((results) => new Columns(results, base));
  const backlog = (title, key) => [
    title,
    ...Object.keys(full).map((way) => (way === 'bare' ? '–' : withSpread(backlogs[way].map((one) => one[key])))),
    ...Object.keys(full)
      .slice(1)
      .map(() => ''),
  ];
  printTable('POST /relay/send', atFull.head(WAYS), [
    atFull.line(`requests/s at ${CONNECTIONS} connections`, rate),
    atFull.line('p50, ms', ({ p50Ms }) => p50Ms),
    atFull.line('p99, ms', ({ p99Ms }) => p99Ms),
    at70.line(`requests/s at ${SHARE * 100} %`, rate),
    at70.line(`p50 at ${SHARE * 100} %, ms`, ({ p50Ms }) => p50Ms, { digits: 1 }),
    at70.line(`p99 at ${SHARE * 100} %, ms`, ({ p99Ms }) => p99Ms, { digits: 1 }),
    backlog('events not published when a full load ends', 'rows'),
    backlog('ms until they are', 'ms'),
  ]);
  const parts = {
    program: 'the program',
    workers: 'its workers',
    idle: 'processes of Banyan’s that idle beside it',
    postgres: 'PostgreSQL',
    redis: 'Redis',
    broker: 'RabbitMQ',
    load: 'the load',
  };
  printTable(
    'POST /relay/send, processor time, µs a request',
    atFull.head(WAYS),
    Object.entries(parts).map(([part, title]) =>
      atFull.line(title, ({ us }) => us[part], { isShared: ['program', 'postgres'].includes(part) }),
    ),
  );
  const memory = [host, ...workers].map(({ pid }, n) => [n === 0 ? 'host' : `worker of ${moved[n - 1]}`, number(residentMb(pid) ?? NaN)]);
  printTable('Resident memory after sending, MB', ['', ''], memory);
  for (const [way, target] of Object.entries(TARGETS))
    if (full[way] && full.bare) judge(`POST /relay/send, ${WAYS[way]}, to bare`, atFull.ratios(way, rate), target);
}
