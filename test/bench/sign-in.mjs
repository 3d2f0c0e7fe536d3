/** Sign-ins a second and what they do to everybody else, whether an address that has an account shows, and what checking a token costs. */
import { createRequire } from 'node:module';
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';

import { root } from '../../apps/server/install.mjs';
import { median, number, printTable, quantile, withSpread } from './figures.mjs';
import { ask, startBanyan } from './programs.mjs';

const CLIENTS = 20;
const OTHERS_PER_SECOND = 200;
const PASSWORD = `bench-${randomBytes(9).toString('hex')}`;
const JSON_BODY = { 'content-type': 'application/json' };

/** @param writeRequests(name, requests) keeps them in a file and gives back where */
export async function measureSignIn(env, { cwd, writeRequests }, { rounds, seconds, attempts, checks }) {
  const server = await startBanyan(env, { cwd });
  try {
    const accounts = [];
    for (let n = 0; n < CLIENTS; n++) accounts.push(await register(server.url, n));
    const files = {
      signIns: writeRequests(
        'sign-ins',
        accounts.map(({ email }) => [{ method: 'POST', path: '/api/v1/auth/login', headers: JSON_BODY, body: credentials(email) }]),
      ),
      others: writeRequests(
        'others',
        accounts.map(({ token }) => [{ method: 'GET', path: '/api/v1/auth/me', headers: { authorization: `Bearer ${token}` } }]),
      ),
    };
    console.log(`\nSign-ins: ${CLIENTS} clients, ${rounds} rounds of ${seconds} s …`);
    await besideOthers(server, files, { rounds, seconds });
    await knownOrNot(server.url, accounts, attempts);
    await tokenChecks(checks);
  } finally {
    await server.stop();
  }
}

async function register(url, n) {
  const email = `bench${n}.${randomUUID()}@example.com`;
  const answer = await post(`${url}/api/v1/auth/register`, { email, username: `bench${n}`, password: PASSWORD });
  if (answer.status !== 200) throw new Error(`register answered ${answer.status}`);
  return { email, token: (await answer.json()).access_token };
}

const post = (url, body) => fetch(url, { method: 'POST', headers: JSON_BODY, body: JSON.stringify(body) });

const credentials = (email, password = PASSWORD) => JSON.stringify({ email, password });

/** The requests of others at a fixed pace, alone and while everybody signs in, in turns. */
async function besideOthers({ url }, files, { rounds, seconds }) {
  const others = () => ask('load.mjs', { url, seconds, connections: CLIENTS, requestsFile: files.others, perSecond: OTHERS_PER_SECOND });
  const signIns = () => ask('load.mjs', { url, seconds, connections: CLIENTS, requestsFile: files.signIns });
  const found = { alone: [], meanwhile: [], signIns: [] };
  for (let round = -1; round < rounds; round++) {
    const alone = await others();
    const [signedIn, meanwhile] = await Promise.all([signIns(), others()]);
    for (const { failed } of [alone, meanwhile]) if (failed > 0) throw new Error(`${failed} requests of others failed`);
    if (round < 0) continue; // warms up
    found.alone.push(alone);
    found.meanwhile.push(meanwhile);
    found.signIns.push(signedIn);
  }
  const spread = (kind, key, digits) =>
    withSpread(
      found[kind].map((result) => result[key]),
      digits,
    );
  printTable(
    `Sign-ins of ${CLIENTS} clients at once`,
    ['', 'figure'],
    [
      ['sign-ins a second', spread('signIns', 'perSecond', 1)],
      ['p50, ms', spread('signIns', 'p50Ms')],
      ['p99, ms', spread('signIns', 'p99Ms')],
      ['told to come later (503)', spread('signIns', 'failed')],
    ],
  );
  printTable(
    `What others notice: GET /auth/me at ${OTHERS_PER_SECOND} a second, ms`,
    ['', 'p50', 'p99'],
    [
      ['nobody signs in', spread('alone', 'p50Ms', 2), spread('alone', 'p99Ms', 2)],
      ['everybody does', spread('meanwhile', 'p50Ms', 2), spread('meanwhile', 'p99Ms', 2)],
    ],
  );
}

/** A wrong password, for an address that has an account and for one that has none, in turns. Every account fails a few times only. */
async function knownOrNot(url, accounts, attempts) {
  const times = { known: [], unknown: [] };
  for (let n = -2; n < attempts; n++) {
    const emails = { known: accounts[(n + 2) % accounts.length].email, unknown: `nobody${n}.${randomUUID()}@example.com` };
    for (const kind of n % 2 === 0 ? ['known', 'unknown'] : ['unknown', 'known']) {
      const started = performance.now();
      const answer = await post(`${url}/api/v1/auth/login`, { email: emails[kind], password: 'not-the-password' });
      await answer.text();
      if (answer.status !== 401) throw new Error(`a wrong password was answered ${answer.status}`);
      if (n >= 0) times[kind].push(performance.now() - started);
    }
  }
  const row = (title, kind) => [title, ...[0.1, 0.5, 0.9].map((q) => number(quantile(times[kind], q), 1))];
  printTable(
    `A wrong password, ms, ${attempts} times each`,
    ['', 'p10', 'median', 'p90'],
    [row('the address has an account', 'known'), row('nobody has it', 'unknown')],
  );
}

/** In this process, as the server does it. */
async function tokenChecks(checks) {
  const require = createRequire(join(root, 'dist/package.json'));
  const { TokenVerifier } = require('./libs/platform/src/tokens/verifier.js');
  const secret = randomBytes(32).toString('hex');
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const claims = () => ({ sub: randomUUID(), sid: randomUUID(), jti: randomUUID(), type: 'access' });
  const makers = {
    'HS256, as the monolith reads it': () => jwt.sign(claims(), secret, { algorithm: 'HS256', expiresIn: 3600 }),
    'ES256, after it': () => jwt.sign(claims(), privateKey, { algorithm: 'ES256', keyid: 'bench', expiresIn: 3600 }),
  };
  const verifier = new TokenVerifier(secret, { find: () => Promise.resolve(publicKey), takesShared: () => true });
  const timed = async (tokens) => {
    const times = [];
    for (const token of tokens) {
      const started = performance.now();
      await verifier.verify(token);
      times.push((performance.now() - started) * 1_000);
    }
    return median(times);
  };
  const rows = [];
  for (const [title, make] of Object.entries(makers)) {
    const tokens = Array.from({ length: checks }, make);
    await timed(Array.from({ length: 200 }, make)); // warms up
    rows.push([title, number(await timed(tokens), 1), number(await timed(tokens), 1)]);
  }
  printTable('Checking a token, µs', ['', 'the first time', 'again'], rows);
}
