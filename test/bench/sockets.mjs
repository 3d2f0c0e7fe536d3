/** Clients' sockets: memory of idle ones, pushes, and the way of a message, beside a bare `ws` server in the same run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { median, number, printTable, printTarget, quantile, ratios, withSpread } from './figures.mjs';
import { ask, startBanyan, startBareSockets } from './programs.mjs';

const PUSH_TARGET = 0.4;
const PAIRS = 50;

export async function measureSockets(env, { folder, worker }, { idle, readers, rounds, seconds }) {
  console.log('\nSockets …');
  // In a file: hundreds of addresses with tokens are too much for a command line.
  const clients = (question) => {
    const file = join(folder, 'sockets.json');
    writeFileSync(file, JSON.stringify(question));
    return ask('sockets-clients.mjs', { file });
  };
  const settings = { ...env, SOCKET_LIMITS: 'all=100000 address=100000 user=100000' };
  const kilobytes = {};
  const pushes = { own: [], bare: [] };
  const delivery = [];
  let banyan = await startBanyan(settings, { cwd: folder });
  const users = await register(banyan.url, Math.max(readers + 1, 2 * PAIRS));
  const urlsOf = (server, people) => people.map(({ id, token }) => `${server.url.replace('http', 'ws')}/ws/${id}?token=${token}`);
  let bare = await startBareSockets();
  for (const [name, server] of [
    ['own', banyan],
    ['bare', bare],
  ])
    ({ kilobytes: kilobytes[name] } = await clients({
      measure: 'idle',
      pid: server.pid,
      urls: urlsOf(server, users),
      count: idle,
    }));
  for (const server of [banyan, bare]) await server.stop(); // what ten thousand have left behind is none of the others' business
  banyan = await startBanyan(settings, { cwd: folder });
  bare = await startBareSockets();
  const group_id = await makeGroup(banyan.url, users.slice(0, readers + 1));
  const payload = { group_id, encrypted_content: 'x'.repeat(300), encrypted_session_keys: {} };
  for (let round = 0; round < rounds; round++)
    for (const [name, server] of [
      ['own', banyan],
      ['bare', bare],
    ]) {
      const question = { measure: 'push', urls: urlsOf(server, users.slice(0, readers + 1)), payload, seconds, ahead: 8 };
      pushes[name].push((await clients(question)).perSecond);
    }
  await bare.stop();
  const measureDelivery = async (title, server) => {
    const [from, to] = [users.slice(0, PAIRS), users.slice(PAIRS, 2 * PAIRS)];
    const urls = [urlsOf(server, from), urlsOf(server, to)];
    const pairs = from.map(({ id }, n) => ({ from: { id, url: urls[0][n] }, to: { id: to[n].id, url: urls[1][n] } }));
    const highest = await clients({ measure: 'deliver', pairs, seconds, inFlight: PAIRS });
    const usual = await clients({ measure: 'deliver', pairs, seconds, perSecond: 0.7 * highest.perSecond });
    const ms = (q) => number(quantile(usual.times, q), 1);
    delivery.push([title, number(highest.perSecond), number(usual.perSecond), ms(0.5), ms(0.99)]);
  };
  await measureDelivery('in one process', banyan);
  await banyan.stop();
  if (worker) {
    const split = { ...settings, ...worker };
    const services = await Promise.all(
      ['websocket', 'message', 'relay', 'user'].map((SERVE) =>
        startBanyan({ ...split, SERVE, PUBLIC_URL: 'http://localhost', DATA_DIR: join(folder, SERVE) }, { cwd: folder }),
      ),
    );
    const host = await startBanyan(split, { cwd: folder });
    await measureDelivery('services of websocket, message, relay and user', host);
    for (const server of [host, ...services]) await server.stop();
  }
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
      [
        `pushes a second, to a group of ${number(readers)}`,
        withSpread(pushes.own),
        withSpread(pushes.bare),
        withSpread(ratios(pushes.own, pushes.bare), 2),
      ],
    ],
  );
  printTable(
    'A message of a socket, until it is stored and on the socket of its recipient',
    ['', 'highest, a second', 'at 70 %', 'p50, ms', 'p99, ms'],
    delivery,
  );
  const ratio = median(ratios(pushes.own, pushes.bare));
  printTarget(`pushes reach at least ${PUSH_TARGET} of a bare server's: ${number(ratio, 2)}`, ratio >= PUSH_TARGET);
}

async function register(url, count) {
  const people = [];
  const one = async (_, n) => {
    const name = `sockets${Date.now().toString(36)}${people.length + n}`;
    const answer = await post(`${url}/api/v1/auth/register`, { email: `${name}@example.com`, username: name, password: 'correct-horse-1' });
    return { id: answer.user.id, token: answer.access_token };
  };
  while (people.length < count) people.push(...(await Promise.all(Array.from({ length: Math.min(20, count - people.length) }, one))));
  return people;
}

async function makeGroup(url, [owner, ...members]) {
  const api = `${url}/api/v1/groups`;
  const { group_id } = await post(`${api}/create?name=bench`, undefined, owner.token);
  for (let n = 0; n < members.length; n += 20)
    await Promise.all(
      members.slice(n, n + 20).map(({ id }) => post(`${api}/add-member/${group_id}?user_id=${id}`, undefined, owner.token)),
    );
  return group_id;
}

async function post(url, body, token) {
  const headers = { ...(body ? { 'content-type': 'application/json' } : {}), ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const answer = await fetch(url, { method: 'POST', headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}
