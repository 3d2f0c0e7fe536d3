/** Processes that are known by pid and start time, since a pid alone is soon another program's. */
import { execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What tells this process from a later one with its number; undefined when there is none. A zombie is none. */
export function startTimeOf(pid) {
  try {
    if (process.platform !== 'linux') return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return 'ZX'.includes(fields[0]) ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function identityOf(pid) {
  return { pid, startTime: startTimeOf(pid) };
}

export function isAlive({ pid, startTime }) {
  return startTime !== undefined && startTimeOf(pid) === startTime;
}

/** Signal it and its process group (it leads one), wait until it is gone, and after ten seconds kill. */
export async function end(identity, signal) {
  for (const next of [signal, 'SIGKILL']) {
    if (!isAlive(identity)) return;
    try {
      process.kill(-identity.pid, next);
    } catch {
      return; // gone in between
    }
    const until = Date.now() + 10_000;
    while (isAlive(identity) && Date.now() < until) await delay(20);
  }
}

/** A zombie keeps its number until whoever started it looks; PostgreSQL would take it for a server that runs. Ten seconds at most. */
export async function reaped({ pid }) {
  const until = Date.now() + 10_000;
  while (isNumberTaken(pid) && Date.now() < until) await delay(20);
}

function isNumberTaken(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Start a server in a session of its own (Ctrl-C is for the tests; they stop the servers afterwards), its output into a file.
 *
 * @param openFolder is given to it as open file 3
 * @returns its identity once `isReady` says so
 * @throws Error with the end of its output when it ends instead
 */
export async function launch({ command, args, cwd, env, account, log, openFolder }, { onSpawn, isReady }) {
  const output = openSync(log, 'a', 0o600);
  const folders = openFolder ? [openSync(openFolder)] : [];
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    ...account,
    stdio: ['ignore', output, output, ...folders],
    detached: true,
  });
  for (const file of [output, ...folders]) closeSync(file);
  child.unref();
  let failure;
  child.once('error', (error) => (failure = error));
  child.once('exit', (code, signal) => (failure ??= new Error(`ended with ${signal ?? code}: ${readFileSync(log, 'utf8').slice(-500)}`)));
  const identity = child.pid && identityOf(child.pid);
  if (identity) onSpawn(identity);
  while (!failure && !(await isReady(identity))) await delay(20);
  if (failure) throw new Error(`${command} ${failure.message}`);
  return identity;
}

/**
 * A free port below the range of outgoing ports (32768 on Linux): clients reconnecting to a server that a test has killed would
 * otherwise sooner or later get its very port and connect to themselves.
 */
export async function freePort() {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    if (await isPortFree(port)) return port;
  }
}

export function isPortFree(port) {
  return new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
