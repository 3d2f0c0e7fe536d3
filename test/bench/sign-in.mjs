/** Sign-ins a second and what they do to everybody else, whether an address that has an account shows, and what checking a token costs. */
import { createRequire } from 'node:module';
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';

import { root } from '../../apps/server/install.mjs';
import { median, number, printTable, withSpread } from './figures.mjs';
import { ask, startBanyan } from './programs.mjs';

const CLIENTS = 20;
const OTHERS_PER_SECOND = 200;
const PASSWORD = `bench-${randomBytes(9).toString('hex')}`;
const JSON_BODY = { 'content-type': 'application/json' };

export async function measureSignIn(place, { rounds, seconds, pairs, checks }) {
  const server = await startBanyan(place.settings('sign_in'), { cwd: place.folder, name: 'sign-in' });
  try {
    const accounts = [];
    for (let n = 0; n < CLIENTS; n++) accounts.push(await register(server.url, n));
    const files = {
      signIns: place.write(
        'sign-ins',
        accounts.map(({ email }) => [{ method: 'POST', path: '/api/v1/auth/login', headers: JSON_BODY, body: credentials(email) }]),
      ),
      others: place.write(
        'others',
        accounts.map(({ token }) => [{ method: 'GET', path: '/api/v1/auth/me', headers: { authorization: `Bearer ${token}` } }]),
      ),
    };
    console.log(`\nSign-ins: ${CLIENTS} clients, ${rounds} rounds of ${seconds} s …`);
    await besideOthers(server, files, { rounds, seconds });
    await knownOrNot(server.url, pairs);
    await tokenChecks(checks);
  } finally {
    await server.stop();
  }
}

async function register(url, n) {
  const email = `bench${n}.${randomUUID()}@example.com`;
  const answer = await post(`${url}/api/v1/auth/register`, { email, username: `bench${n}-${randomUUID()}`, password: PASSWORD });
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

/** Whether the time of an answer tells who has an account: pairs of the same question, one of them about nobody. */
async function knownOrNot(url, pairs) {
  const ask = async (path, body, expected) => {
    const started = performance.now();
    const answer = await post(`${url}/api/v1/auth/${path}`, body);
    await answer.text();
    if (answer.status !== expected) throw new Error(`${path} was answered ${answer.status}`);
    return performance.now() - started;
  };
  const questions = {
    'POST /login, a wrong password': (email) => ask('login', { email, password: 'not-the-password' }, 401),
    'POST /password/forgot': (email) => ask('password/forgot', { email }, 200),
    'POST /email/resend': (email) => ask('email/resend', { email }, 200),
  };
  // Each account fails once only: whoever failed often would be made to wait.
  const known = [];
  for (let n = 0; n < pairs; n++) known.push((await register(url, n)).email);
  const rows = [];
  for (const [title, question] of Object.entries(questions)) {
    const [yes, no] = [[], []];
    for (const [n, email] of known.entries()) {
      const both = [async () => yes.push(await question(email)), async () => no.push(await question(`nobody.${randomUUID()}@example.com`))];
      for (const one of n % 2 ? both : both.reverse()) await one(); // whoever is first has no advantage
    }
    rows.push([title, number(median(yes), 2), number(median(no), 2), number(median(yes.map((ms, i) => ms - no[i])), 2)]);
  }
  printTable(`An account and none, ms, ${pairs} pairs`, ['', 'known: median', 'unknown: median', 'difference of a pair: median'], rows);
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
