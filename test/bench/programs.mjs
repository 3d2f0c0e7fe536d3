/** The measured programs, each a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

import { mainFile } from '../../apps/server/install.mjs';
import { freePort } from '../support/services/processes.mjs';

const here = import.meta.dirname;
const running = new Set();
let profiles;

/** From now on each server leaves two profiles in the folder when it ends: of its processor time and of what it has allocated. */
export function profileInto(folder) {
  profiles = folder;
}

/**
 * The real server, ready.
 *
 * @param env its settings; of ours it sees nothing but PATH
 * @param cwd a folder without a .env
 * @param name of its profiles
 * @returns startedInMs from spawn to the first 200 of /readyz
 */
export async function startBanyan(env, { cwd, name = 'server' }) {
  const port = await freePort();
  const started = performance.now();
  const program = start([...profiling(name), '--import', join(here, '../support/end-with-parent.mjs'), mainFile], {
    cwd,
    env: { PORT: port, RATE_LIMITS: 'off', LOG_LEVEL: 'warn', ...env },
    stdout: 'ignore',
  });
  const url = `http://127.0.0.1:${port}`;
  while (!(await isReady(url))) {
    if (program.hasEnded()) throw new Error('the server ended while it was starting; its words are above');
    await delay(10);
  }
  return { ...program, url, startedInMs: performance.now() - started };
}

function profiling(name) {
  if (profiles === undefined) return [];
  const cpu = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${name}.cpuprofile`, '--enable-source-maps'];
  const allocations = pathToFileURL(join(here, 'allocations.mjs'));
  allocations.searchParams.set('file', join(profiles, `${name}.heapprofile`));
  return [...cpu, '--import', allocations.href];
}

/** The bare program on its database. */
export async function startBare(databaseUrl, secret) {
  const program = start([join(here, 'bare-server.mjs'), databaseUrl], { env: { JWT_SECRET_KEY: secret } });
  return { ...program, url: `http://127.0.0.1:${Number(await program.firstWords())}` };
}

/** The bare server of sockets. */
export async function startBareSockets() {
  const program = start([join(here, 'sockets-bare.mjs')], { env: {} });
  return { ...program, url: `http://127.0.0.1:${Number(await program.firstWords())}` };
}

/** The bare server of uploads, which writes them into `folder`. */
export async function startBareUploads(folder) {
  const program = start([join(here, 'uploads-bare.mjs'), folder], { env: {} });
  return { ...program, url: `http://127.0.0.1:${Number(await program.firstWords())}` };
}

/** The program behind the proxy. */
export async function startBehind() {
  const program = start([join(here, 'behind-server.mjs')], { env: {} });
  return { ...program, url: `http://127.0.0.1:${Number(await program.firstWords())}` };
}

/** Run one of our programs with `question` as JSON. @returns its answer */
export async function ask(file, question, env = {}) {
  const program = start([join(here, file), JSON.stringify(question)], { env });
  try {
    return JSON.parse(await program.allWords());
  } catch (error) {
    throw new Error(`${file} gave no answer`, { cause: error });
  } finally {
    await program.stop();
  }
}

/** For an interrupted run; whoever waits for one of them hears that it ended. */
export function stopAll() {
  for (const child of running) child.kill('SIGTERM');
}

function start(args, { cwd, env, stdout = 'pipe' }) {
  const child = spawn(process.execPath, args, { cwd, env: { PATH: process.env.PATH, ...env }, stdio: ['pipe', stdout, 'inherit'] });
  running.add(child);
  const ended = once(child, 'exit').finally(() => running.delete(child));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid,
    hasEnded,
    async firstWords() {
      const [words] = await Promise.race([once(child.stdout, 'data'), ended.then(() => [])]);
      if (words === undefined) throw new Error(`${args[0]} ended without a word`);
      return String(words);
    },
    async allWords() {
      let words = '';
      for await (const chunk of child.stdout) words += chunk;
      return words;
    },
    async stop() {
      if (!hasEnded()) child.kill('SIGTERM');
      await ended;
    },
  };
}

async function isReady(url) {
  try {
    const response = await fetch(`${url}/readyz`);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
