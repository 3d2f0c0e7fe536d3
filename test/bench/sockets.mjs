/** Clients' sockets: memory of idle ones, pushes, and the way of a message, beside a bare `ws` server in the same run. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { addAccounts, addGroups, makePeople, tokenOf, vacuum } from './data.mjs';
import { median, number, printTable, quantile, ratios, withSpread } from './figures.mjs';
import { ask, startBanyan, startBareSockets } from './programs.mjs';
import { judge } from './targets.mjs';
import { cpuMs } from './usage.mjs';

const PUSH_TARGET = 0.4;
const P99_TARGET_MS = 100;
const PAIRS = 50;
/** Of the highest rate. */
const SHARE = 0.7;
const APART = ['websocket', 'message', 'relay', 'user'];

export const LIMITS = { SOCKET_LIMITS: 'all=100000 address=100000 user=100000' };

export async function measureSockets(place, { idle, readers, rounds, deliveryRounds, seconds }) {
  console.log('\nSockets …');
  const settings = { ...place.settings('sockets'), ...LIMITS };
  const users = makePeople(Math.max(readers + 1, 2 * PAIRS), 'socket');
  const urlOf = (server, { id }) => `${server.url.replace('http', 'ws')}/ws/${id}?token=${tokenOf(id, place.secret)}`;
  const room = {
    users,
    urls: (server, people) => people.map((person) => urlOf(server, person)),
    clients: (question) => ask('sockets-clients.mjs', { file: place.write('sockets', question) }),
    start: (env = settings, name = 'sockets') => startBanyan(env, { cwd: place.folder, name }),
  };
  await (await room.start(settings, 'sockets-first')).stop(); // makes the databases
  await addAccounts(settings, users);
  const [groupId] = await addGroups(settings, [users.slice(0, readers + 1)]);
  await vacuum(settings);

  const kilobytes = await measureIdle(room, idle);
  const pushed = await measurePushes(room, { groupId, readers, rounds, seconds });
  printTable(
    'Sockets',
    ['', 'Banyan', 'bare `ws`', 'ratio'],
    [
      [
        `kilobytes per idle socket, of ${number(idle)}`,
        number(kilobytes.own, 1),
        number(kilobytes.bare, 1),
        number(kilobytes.own / kilobytes.bare, 2),
      ],
      ...['perSecond', 'us'].map((key) => [
        key === 'us' ? 'processor time of the server, µs a push' : `pushes a second, to a group of ${number(readers)}`,
        ...['own', 'bare'].map((name) =>
          withSpread(
            pushed[name].map((one) => one[key]),
            key === 'us' ? 1 : 0,
          ),
        ),
        withSpread(ratiosOf(pushed, key), 2),
      ]),
    ],
  );
  judge('pushes to sockets, to a bare server’s', ratiosOf(pushed, 'perSecond'), { atLeast: PUSH_TARGET });

  const routes = APART.map((domain) => `${domain}=remote:100%`).join(' ');
  const apart = { ...settings, AMQP_URL: place.servers.AMQP_URL, CARRIER_KEY: randomBytes(32).toString('hex'), ROUTES: routes };
  const homes = {
    'in one process': { host: settings, workers: [] },
    [`${APART.slice(0, -1).join(', ')} and ${APART.at(-1)} remote`]: { host: apart, workers: APART.map((SERVE) => ({ ...apart, SERVE })) },
  };
  const rows = [];
  for (const [title, { host, workers }] of Object.entries(homes)) {
    const worker = (env) =>
      room.start({ ...env, PUBLIC_URL: 'http://localhost', DATA_DIR: join(place.folder, env.SERVE) }, `sockets-${env.SERVE}`);
    const programs = await Promise.all(workers.map(worker));
    programs.unshift(await room.start(host, workers.length > 0 ? 'sockets-host' : 'sockets-delivery'));
    const { highest, usual } = await measureDelivery(room, programs[0], { rounds: deliveryRounds, seconds });
    await Promise.all(programs.map((program) => program.stop()));
    const ms = (q) => usual.map(({ times }) => quantile(times, q));
    const perSecond = (results) => withSpread(results.map((result) => result.perSecond));
    rows.push([title, perSecond(highest), perSecond(usual), withSpread(ms(0.5), 1), withSpread(ms(0.99), 1)]);
    judge(`p99 from socket to socket at ${SHARE * 100} %, ${title}`, ms(0.99), { below: P99_TARGET_MS, digits: 0, unit: ' ms' });
  }
  printTable(
    'A message of a socket, until it is stored and on the socket of its recipient',
    ['', 'highest, a second', `at ${SHARE * 100} %`, 'p50, ms', 'p99, ms'],
    rows,
  );
}

const ratiosOf = ({ own, bare }, key) =>
  ratios(
    own.map((one) => one[key]),
    bare.map((one) => one[key]),
  );

/** Servers of its own: what ten thousand have left behind is nobody else's business. @returns kilobytes a socket */
async function measureIdle({ users, urls, clients, start }, count) {
  const kilobytes = {};
  for (const [name, begin] of Object.entries({ own: () => start(undefined, 'sockets-idle'), bare: startBareSockets })) {
    const server = await begin();
    ({ kilobytes: kilobytes[name] } = await clients({ measure: 'idle', pid: server.pid, urls: urls(server, users), count }));
    await server.stop();
  }
  return kilobytes;
}

async function measurePushes({ users, urls, clients, start }, { groupId, readers, rounds, seconds }) {
  const servers = { own: await start(undefined, 'sockets-push'), bare: await startBareSockets() };
  const results = { own: [], bare: [] };
  const payload = { group_id: groupId, encrypted_content: 'x'.repeat(300), encrypted_session_keys: {} };
  for (let round = -1; round < rounds; round++)
    for (const name of round % 2 === 0 ? ['own', 'bare'] : ['bare', 'own']) {
      const server = servers[name];
      const question = { measure: 'push', urls: urls(server, users.slice(0, readers + 1)), payload, seconds, ahead: 8 };
      const before = cpuMs(server.pid);
      const { perSecond, pushes } = await clients(question);
      if (round >= 0) results[name].push({ perSecond, us: ((cpuMs(server.pid) - before) * 1_000) / pushes }); // the first pair warms up
    }
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  return results;
}

/** As fast as they go, then evenly at a share of that. */
async function measureDelivery({ users, urls, clients }, server, { rounds, seconds }) {
  const [from, to] = [users.slice(0, PAIRS), users.slice(PAIRS, 2 * PAIRS)];
  const addresses = [urls(server, from), urls(server, to)];
  const pairs = from.map(({ id }, n) => ({ from: { id, url: addresses[0][n] }, to: { id: to[n].id, url: addresses[1][n] } }));
  const ask = (load) => clients({ measure: 'deliver', pairs, seconds, ...load });
  const results = { highest: [], usual: [] };
  await ask({ inFlight: PAIRS }); // warms up
  for (let round = 0; round < rounds; round++) results.highest.push(await ask({ inFlight: PAIRS }));
  const perSecond = SHARE * median(results.highest.map((result) => result.perSecond));
  for (let round = 0; round < rounds; round++) results.usual.push(await ask({ perSecond }));
  return results;
}
