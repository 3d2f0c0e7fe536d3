import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What `postmaster.pid` says; the process may be long dead. */
export interface Postmaster {
  readonly pid: number;
  readonly isReady: boolean;
}

/** How long a shutdown may take before the next, harder signal. */
const shutdown = [
  { signal: 'SIGINT', graceMs: 20_000 }, // fast: sessions end, checkpoint
  { signal: 'SIGQUIT', graceMs: 5_000 }, // immediate: recovery at the next start, nothing lost
  { signal: 'SIGKILL', graceMs: 5_000 },
] as const;

export function postmasterOf(folder: string): Postmaster | undefined {
  const lines = readLockFile(folder)?.split('\n') ?? [];
  const pid = Number(lines[0]);
  return pid > 0 ? { pid, isReady: lines[7]?.trim() === 'ready' } : undefined;
}

/** Stop a postmaster and wait until it is gone. */
export async function stopPostmaster(pid: number): Promise<void> {
  for (const { signal, graceMs } of shutdown) {
    if (!isAlive(pid)) return;
    try {
      process.kill(pid, signal);
    } catch {
      return; // gone in between
    }
    const end = Date.now() + graceMs;
    while (isAlive(pid) && Date.now() < end) await delay(20);
  }
}

/**
 * Make the folder free for a server of ours. The caller holds the folder's lock, so a server that runs here was left behind by one
 * that was killed.
 *
 * @returns the pid of the server that was stopped, if there was one
 */
export async function stopLeftover(folder: string): Promise<number | undefined> {
  const content = readLockFile(folder);
  if (content === undefined) return undefined;
  const pid = postmasterOf(folder)?.pid;
  if (pid !== undefined && isPostmasterOf(folder, pid)) {
    await stopPostmaster(pid);
    return pid;
  }
  if (pid === undefined) {
    rmSync(lockFile(folder), { force: true }); // empty or torn by a crash of the machine: PostgreSQL would refuse it for ever
  } else if (pid !== process.pid && exists(pid)) {
    // The number now belongs to some other process, and PostgreSQL would take that for a running server. Our own pid, its parent's,
    // it knows to be none; the rest of the file stays, because by it PostgreSQL finds sessions that outlived their postmaster.
    writeFileSync(lockFile(folder), content.replace(/^\d+/, String(process.pid)));
  }
  return undefined;
}

function lockFile(folder: string): string {
  return join(folder, 'postmaster.pid');
}

function readLockFile(folder: string): string | undefined {
  try {
    return readFileSync(lockFile(folder), 'utf8');
  } catch {
    return undefined;
  }
}

/** A pid alone proves nothing: after a reboot it is another program's. */
function isPostmasterOf(folder: string, pid: number): boolean {
  try {
    if (process.platform !== 'linux') {
      const command = execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
      return command.includes('postgres') && command.includes(folder);
    }
    const [theirs, ours] = [statSync(`/proc/${pid}/cwd`), statSync(folder)];
    return readFileSync(`/proc/${pid}/comm`, 'utf8') === 'postgres\n' && theirs.dev === ours.dev && theirs.ino === ours.ino;
  } catch {
    return false;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A zombie is dead, even where no init reaps it (containers). */
function isAlive(pid: number): boolean {
  if (!exists(pid)) return false;
  if (process.platform !== 'linux') return true;
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
