/**
 * `npm run split`: the host, and every domain as a process of its own, on real servers: what a deployment looks like, on one machine.
 *
 * Uses the servers of `npm run services` if they run, else starts them, and ends what it has started. A process that ends is started
 * again, so that one can be killed to see what happens. Addresses and secrets lie in `.services/split.env`, for the command line.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseEnv } from 'node:util';

import { mainFile, orExplain, prepare, Refusal, root } from '../apps/server/install.mjs';
import { runningServices, startServices } from './support/services.mjs';
import { freePort, isPortFree } from './support/services/processes.mjs';

const folder = join(root, '.services');
const settingsFile = join(folder, 'split.env');
const endWithParent = join(import.meta.dirname, 'support/end-with-parent.mjs');
/** As the migration's plan foresees them; a domain that it does not know gets a free one. */
const usualPorts = { auth: 8001, user: 8002, message: 8003, group: 8004, media: 8005, relay: 8006, notification: 8007, websocket: 8008 };
const needed = ['DATABASE_URL', 'REDIS_URL', 'AMQP_URL', 'S3_URL'];
/** A process that lives shorter than this is started again later and later. */
const STABLE_MS = 10_000;
const LONGEST_PAUSE_MS = 15_000;

const interruption = new AbortController();
// They stay: npm passes on a Ctrl-C that the terminal has already sent, and the second must not cut the end short.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interruption.abort());
const { signal: interrupted } = interruption;

let services;
const programs = [];
await orExplain(async () => {
  await prepare();
  try {
    await start();
    await untilInterrupted();
  } catch (error) {
    if (!interrupted.aborted) throw error; // Ctrl-C reaches what is just being started, too
  } finally {
    interruption.abort();
    // The host first: what it has taken it finishes with the help of the others.
    await programs[0]?.stop();
    await Promise.all(programs.map((each) => each.stop()));
    await services?.stop();
  }
});

async function start() {
  const port = await freeOrRefused(Number(process.env.PORT ?? 8000));
  // Mails that a service sends lead to the host.
  const settings = { PUBLIC_URL: `http://localhost:${port}`, ...keepSettings(await findServices()) };
  const { domainNames } = createRequire(import.meta.url)('../dist/libs/domains.js');
  const width = Math.max(...domainNames.map((name) => name.length));
  programs.push(program('host', { ...settings, SERVE: 'all' }, port, width));
  for (const domain of domainNames) {
    programs.push(program(domain, { ...settings, SERVE: domain }, await usualOrFreePort(usualPorts[domain]), width));
  }
  const started = performance.now();
  await Promise.all(programs.map((each) => each.start()));
  if (!interrupted.aborted) console.log(banner((performance.now() - started) / 1000));
}

/** @returns their addresses; started here unless `npm run services` runs */
async function findServices() {
  const running = runningServices(folder);
  if (!running) {
    console.log('Starting PostgreSQL, Redis, RabbitMQ and an object store …');
    services = await startServices({ folder, names: ['postgres', 'redis', 'rabbitmq', 's3'] });
  }
  const found = running ?? services.settings;
  const missing = needed.find((name) => found[name] === undefined);
  if (missing) throw new Refusal(`The servers in ${folder} run without ${missing}: stop what runs them, and try again.`);
  const { DATABASE_URL, REDIS_URL, AMQP_URL, S3_URL } = found;
  const { origin, username, password } = new URL(S3_URL);
  const objects = { S3_ENDPOINT: origin, S3_ACCESS_KEY: username, S3_SECRET_KEY: password, S3_BUCKET: 'banyan' };
  return { DATABASE_URL, REDIS_URL, AMQP_URL, ...objects };
}

/** Secrets are made once: tokens and calls of an earlier run stay good. Written for the command line, for its owner only. */
function keepSettings(addresses) {
  const { JWT_SECRET_KEY = makeSecret(), CARRIER_KEY = makeSecret() } = readSettings();
  const settings = { ...addresses, JWT_SECRET_KEY, CARRIER_KEY };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(`${settingsFile}.new`, lines.join(''), { mode: 0o600 });
  renameSync(`${settingsFile}.new`, settingsFile);
  return settings;
}

function readSettings() {
  try {
    return parseEnv(readFileSync(settingsFile, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw new Refusal(`Cannot read ${settingsFile} (${error.code}): give it to this user, or delete it.`);
  }
}

function makeSecret() {
  return randomBytes(48).toString('base64url');
}

async function freeOrRefused(port) {
  if (await isPortFree(port)) return port;
  throw new Refusal(`Port ${port} is taken; set PORT to another one, or stop what uses it.`);
}

async function usualOrFreePort(port) {
  return port !== undefined && (await isPortFree(port)) ? port : freePort();
}

/** One process of ours, which is there again when it ends. */
function program(name, settings, port, width) {
  const url = `http://localhost:${port}`;
  let child;
  let hasBeenReady = false;
  let closed = Promise.resolve();
  const say = (text) => console.log(`${name.padEnd(width)} | ${text}`);

  const launch = () => {
    const started = performance.now();
    // Away from a .env, which would mix with the settings of here, and in a session of its own: Ctrl-C ends them in order.
    child = spawn(process.execPath, ['--enable-source-maps', '--import', endWithParent, mainFile], {
      cwd: folder,
      env: { ...inherited(), ...settings, PORT: String(port) },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    // Log lines; where things are, we say for all of them.
    createInterface(child.stdout).on('line', (line) => line.startsWith('{') && say(line));
    createInterface(child.stderr).on('line', say);
    closed = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        resolve();
        if (hasBeenReady && !interrupted.aborted) void again(signal ?? `exit code ${code}`, performance.now() - started);
      });
    });
  };

  let pauseMs = 0;
  const again = async (reason, livedMs) => {
    pauseMs = livedMs > STABLE_MS ? 0 : Math.min(pauseMs * 2 || 1_000, LONGEST_PAUSE_MS);
    say(`ended (${reason})${pauseMs > 0 ? `; starts again in ${pauseMs / 1000} s` : ''}`);
    await delay(pauseMs, undefined, { signal: interrupted }).catch(() => undefined);
    if (interrupted.aborted) return;
    launch();
    say(`started again, pid ${child.pid}`);
  };

  return {
    name,
    url,
    pid: () => child.pid,
    /** @throws Refusal when it ends before it is ready; it has said why */
    async start() {
      launch();
      while (!(await isReady(url))) {
        if (interrupted.aborted) return;
        if (child.exitCode !== null || child.signalCode !== null) throw new Refusal(`${name} did not start; its words are above.`);
        await delay(50);
      }
      hasBeenReady = true;
    },
    async stop() {
      child?.kill('SIGTERM');
      await closed;
    },
  };
}

/** The environment, without addresses of single databases: all of them are on the one server here. */
function inherited() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.endsWith('_DATABASE_URL')));
}

async function isReady(url) {
  try {
    const response = await fetch(`${url.replace('localhost', '127.0.0.1')}/readyz`);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

function banner(seconds) {
  const width = Math.max(...programs.map(({ name }) => name.length));
  const lines = programs.map(({ name, url, pid }) => `  ${name.padEnd(width)}  ${url}  pid ${pid()}`);
  return `
Banyan is up in ${programs.length} processes (${seconds.toFixed(1)} s).
${lines.join('\n')}
  ${'data'.padEnd(width)}  ${folder}

Work is in the host until you move it, and then stays where you moved it. In another terminal, in this folder:
  export $(cat .services/split.env)
  npx banyan route
  npx banyan route message --remote 50%

Kill a process, and see it come back. Ctrl-C stops everything that was started here.
`;
}

function untilInterrupted() {
  if (interrupted.aborted) return undefined;
  const keepAlive = setInterval(() => undefined, 60_000);
  return new Promise((resolve) => interrupted.addEventListener('abort', resolve, { once: true })).finally(() => clearInterval(keepAlive));
}
