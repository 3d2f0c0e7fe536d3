/** Signing in: how many in a second, what they do to everybody else, and whether the time of an answer tells who has an account. */
import { randomUUID } from 'node:crypto';
import { median, number, printTable, quantile, withSpread } from './figures.mjs';
import { startBanyan } from './programs.mjs';

const PASSWORD = 'correct-horse-1';
/** Sign-ins under way at the same time. */
const CROWD = 8;

/** @param seconds of each of `rounds` rounds, with and without sign-ins in turns; `pairs` of answers are compared for each question */
export async function measureSignIn(env, { cwd }, { rounds, seconds, pairs }) {
  const host = await startBanyan(env, { cwd });
  try {
    console.log(`\nSigning in: ${rounds} rounds of ${seconds} s, ${pairs} pairs of answers …`);
    const post = (path, body) => call(`${host.url}/api/v1/auth/${path}`, { method: 'POST', body });
    const name = () => `bench-${randomUUID()}`;
    const account = () => ({ email: `${name()}@example.com`, username: name(), password: PASSWORD });
    const ada = account();
    const { access_token } = (await post('register', ada)).body;
    const me = () => call(`${host.url}/api/v1/auth/me`, { headers: { authorization: `Bearer ${access_token}` } });
    const login = () => post('login', { email: ada.email, password: PASSWORD });

    const [alone, beside, perSecond, refused] = [[], [], [], []];
    for (let round = 0; round < rounds; round++) {
      alone.push(await during(seconds, me));
      const crowd = whileIt(CROWD, login);
      beside.push(await during(seconds, me));
      const { statuses, ms } = await crowd.end();
      perSecond.push((statuses.filter((status) => status === 200).length / ms) * 1_000);
      refused.push(statuses.filter((status) => status !== 200).length);
    }
    const row = (title, runs) => [
      title,
      ...[0.5, 0.99].map((q) =>
        withSpread(
          runs.map((times) => quantile(times, q)),
          2,
        ),
      ),
    ];
    printTable(
      `GET /auth/me, one after the other, ms`,
      ['', 'median', 'p99'],
      [row('alone', alone), row(`beside ${CROWD} that sign in`, beside)],
    );
    console.log(`\nSign-ins: ${withSpread(perSecond, 1)} a second; ${number(refused.reduce((sum, n) => sum + n, 0))} others.`);

    const known = [];
    for (let n = 0; n < pairs; n++) known.push((await post('register', account())).body.user.email);
    const questions = {
      'POST /login, a wrong password': (email) => post('login', { email, password: 'another-horse-2' }),
      'POST /password/forgot': (email) => post('password/forgot', { email }),
      'POST /email/resend': (email) => post('email/resend', { email }),
    };
    const rows = [];
    for (const [title, ask] of Object.entries(questions)) {
      const [yes, no] = [[], []];
      for (const [n, email] of known.entries()) {
        const both = [async () => yes.push((await ask(email)).ms), async () => no.push((await ask(account().email)).ms)];
        for (const one of n % 2 ? both : both.reverse()) await one(); // whoever is first has no advantage
      }
      rows.push([title, number(median(yes), 2), number(median(no), 2), number(median(yes.map((ms, i) => ms - no[i])), 2)]);
    }
    printTable('An account and none, ms', ['', 'known: median', 'unknown: median', 'difference of a pair: median'], rows);
  } finally {
    await host.stop();
  }
}

async function call(url, { method = 'GET', body, headers = {} }) {
  const began = performance.now();
  const init = {
    method,
    headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
    body: body && JSON.stringify(body),
  };
  const response = await fetch(url, init);
  return { status: response.status, body: await response.json(), ms: performance.now() - began };
}

/** @returns how long each took, in ms */
async function during(seconds, ask) {
  const [times, until] = [[], performance.now() + seconds * 1_000];
  while (performance.now() < until) times.push((await ask()).ms);
  return times;
}

function whileIt(width, ask) {
  const statuses = [];
  const began = performance.now();
  let isOver = false;
  const work = async () => {
    while (!isOver) statuses.push((await ask()).status);
  };
  const all = Promise.all(Array.from({ length: width }, work));
  return {
    end: async () => {
      isOver = true;
      await all;
      return { statuses, ms: performance.now() - began };
    },
  };
}
