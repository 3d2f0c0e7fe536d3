/** The rooms of the bench that were asked for, one after the other. Imported by bench.mjs, once everything is installed and compiled. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { orExplain } from '../../apps/server/install.mjs';
import { startServices } from '../support/services.mjs';
import { BARE_DATABASE, countMessages, fill, people, prepareBare, requestsOf } from './data.mjs';
import { median, number, printTable, printTarget, quantile } from './figures.mjs';
import { measureDataHomes } from './data-home.mjs';
import { ask, startBanyan, startBare, stopAll } from './programs.mjs';
import { measureProxy } from './proxy.mjs';
import { measureReading } from './read.mjs';
import { measureRemoteCall } from './remote-call.mjs';
import { measureSearch } from './search.mjs';
import { measureSending } from './send.mjs';
import { measureSignIn } from './sign-in.mjs';
import { measureSockets } from './sockets.mjs';
import { measureSplit } from './split.mjs';
import { measureStartUp, printMemory } from './start-up.mjs';
import { measureUploads } from './uploads.mjs';
import { residentMb } from './usage.mjs';

const ROOMS = ['start', 'call', 'carrier', 'split', 'home', 'proxy', 'sockets', 'uploads', 'search', 'sign-in', 'send', 'read'];
const CALL_TARGET_US = 10;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: ROOMS.join(',') },
    short: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const isWanted = (part) => options.only.split(',').includes(part);
const sizes = options.short
  ? {
      start: { rounds: 1 },
      carrier: { rounds: 1, seconds: 1, kills: 3 },
      split: { rounds: 1, seconds: 3, flips: 3 },
      home: { rounds: 2, seconds: 3 },
      proxy: { rounds: 2, seconds: 3 },
      sockets: { idle: 2_000, readers: 200, rounds: 2, seconds: 3 },
      uploads: { uploads: 100, rounds: 2 },
      search: { users: 100_000, searches: 20, inserts: 500 },
      signIn: { rounds: 1, seconds: 3, pairs: 10, checks: 500 },
      send: { rounds: 2, seconds: 4 },
      read: { rounds: 1, seconds: 3 },
    }
  : {
      start: { rounds: 3 },
      carrier: { rounds: 5, seconds: 2, kills: 20 },
      split: { rounds: 6, seconds: 4, flips: 20 },
      home: { rounds: 6, seconds: 4 },
      proxy: { rounds: 6, seconds: 4 },
      sockets: { idle: 10_000, readers: 500, rounds: 4, seconds: 4 },
      uploads: { uploads: 400, rounds: 5 },
      search: { users: 1_000_000, searches: 100, inserts: 5_000 },
      signIn: { rounds: 3, seconds: 5, pairs: 100, checks: 5_000 },
      send: { rounds: 10, seconds: 5 },
      read: { rounds: 3, seconds: 5 },
    };

let interruption;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interruption = signal;
    stopAll();
  });
}

await orExplain(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  try {
    describeMachine();
    if (isWanted('start')) await measureStartUp(folder, sizes.start);
    await onServers(folder);
  } catch (error) {
    if (!interruption) throw error; // what was measured ended with it
    process.exitCode = 130;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function describeMachine() {
  const load = loadavg()[0].toFixed(1);
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${process.platform} ${process.arch}, ${cpus().length} cores (load before: ${load}), ` +
      `${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`,
  );
}

async function onServers(folder) {
  if (!ROOMS.some((room) => room !== 'start' && isWanted(room))) return;
  const names = ['postgres', 'redis', ...(['carrier', 'split', 'sockets'].some(isWanted) ? ['rabbitmq'] : [])];
  const services = await startServices({ names, fsync: true });
  try {
    const secret = randomBytes(32).toString('hex');
    const { DATABASE_URL, REDIS_URL } = services.settings; // without the broker: what is measured below runs in one process
    const env = { DATABASE_URL, REDIS_URL, JWT_SECRET_KEY: secret, DATA_DIR: join(folder, 'data') };
    if (isWanted('call')) await measureLocalCall(env);
    if (isWanted('carrier'))
      await measureRemoteCall({ ...services.settings, brokerPid: processOf(services, 'rabbitmq').pid }, sizes.carrier);
    if (isWanted('split')) {
      const withBroker = { ...env, AMQP_URL: services.settings.AMQP_URL };
      await measureSplit(
        withBroker,
        { postgres: processOf(services, 'postgres'), cwd: folder, writeRequests: writeInto(folder) },
        sizes.split,
      );
    }
    if (isWanted('home'))
      await measureDataHomes(env, { postgres: processOf(services, 'postgres'), cwd: folder, writeRequests: writeInto(folder) }, sizes.home);
    if (isWanted('proxy')) await measureProxy(env, { cwd: folder, writeRequests: writeInto(folder) }, sizes.proxy);
    if (isWanted('sockets')) {
      const routes = ['websocket', 'message', 'relay', 'user'].map((domain) => `${domain}=remote:100%`).join(' ');
      const worker = { AMQP_URL: services.settings.AMQP_URL, CARRIER_KEY: randomBytes(32).toString('hex'), ROUTES: routes };
      await measureSockets(env, { folder, worker }, sizes.sockets);
    }
    if (isWanted('uploads')) await measureUploads(env, { folder }, sizes.uploads);
    if (isWanted('search')) await measureSearch(DATABASE_URL, sizes.search);
    if (isWanted('sign-in')) await measureSignIn(env, { cwd: folder, writeRequests: writeInto(folder) }, sizes.signIn);
    if (isWanted('send') || isWanted('read')) await underLoad(folder, env, processOf(services, 'postgres'));
  } finally {
    await services.stop();
  }
}

async function measureLocalCall(env) {
  console.log('\nCalling …');
  const us = await ask('local-call.mjs', {}, { ...env, PORT: '0', RATE_LIMITS: 'off', LOG_LEVEL: 'error' });
  const row = (title, layer) => [title, number(median(us[layer]), 2), number(quantile(us[layer], 0.99), 2)];
  printTable(
    'A call in the process, µs',
    ['', 'median', 'p99 of batches'],
    [
      row('the service’s method', 'service'),
      row('through the carrier: access, validation, context, Nest, controller', 'carrier'),
      row('through the client: also route, deadline, trace, metrics', 'client'),
      row('of this: validation of the input', 'validation'),
      row('for comparison: validation of a message’s draft', 'draftValidation'),
    ],
  );
  const over = median(us.client) - median(us.service);
  printTarget(`a local call costs at most ${CALL_TARGET_US} µs over the method: ${number(over, 1)} µs`, over <= CALL_TARGET_US);
}

/** Nothing is known of one in a container. */
function processOf({ env }, service) {
  return JSON.parse(readFileSync(env.TEST_SERVICES_FILE, 'utf8')).services[service].process ?? {};
}

function writeInto(folder) {
  return (kind, lists) => {
    const file = join(folder, `${kind}.json`);
    writeFileSync(file, JSON.stringify(lists));
    return file;
  };
}

async function underLoad(folder, env, postgres) {
  const everybody = people();
  const requests = requestsOf(everybody, env.JWT_SECRET_KEY);
  const write = writeInto(folder);
  const requestsFiles = Object.fromEntries(Object.entries(requests).map(([kind, lists]) => [kind, write(kind, lists)]));

  const serverUrl = env.DATABASE_URL;
  const bareUrl = new URL(serverUrl);
  bareUrl.pathname = `/${BARE_DATABASE}`;
  await prepareBare(serverUrl);
  const programs = [];
  try {
    const banyan = await startBanyan(env, { cwd: folder, nodeOptions: profiling() });
    programs.push(banyan);
    const bare = await startBare(bareUrl.href, env.JWT_SECRET_KEY);
    programs.push(bare);
    await fill(serverUrl, { auth: 'auth_db', user: 'user_db', message: 'message_db' }, everybody);
    await fill(serverUrl, { auth: BARE_DATABASE, user: BARE_DATABASE, message: BARE_DATABASE }, everybody);
    const memory = [['idle', residentMb(banyan.pid)]];
    if (isWanted('send')) {
      const counts = () => Promise.all(['message_db', BARE_DATABASE].map((name) => countMessages(serverUrl, name)));
      const before = await counts();
      const answered = await measureSending({ banyan, bare, postgres }, { ...sizes.send, requestsFile: requestsFiles.send });
      memory.push(['after sending', residentMb(banyan.pid)]);
      const stored = (await counts()).map((count, n) => count - before[n]);
      console.log(
        `\nAnswered ${number(answered.banyan)} and ${number(answered.bare)}, stored ${number(stored[0])} and ${number(stored[1])}.`,
      );
      if (stored[0] < answered.banyan || stored[1] < answered.bare) throw new Error('messages were answered and are not there');
    }
    if (isWanted('read')) {
      await measureReading({ banyan, bare, postgres }, { ...sizes.read, requestsFiles });
      memory.push(['after reading', residentMb(banyan.pid)]);
    }
    printMemory(memory);
  } finally {
    await Promise.all(programs.map((program) => program.stop()));
  }
}

function profiling() {
  if (options.profile === undefined) return [];
  const folder = resolve(options.profile);
  mkdirSync(folder, { recursive: true });
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--enable-source-maps'];
}
