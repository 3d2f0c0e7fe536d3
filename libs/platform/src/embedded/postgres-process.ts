import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fchownSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { type Cluster, postgresEnvironment } from './postgres-cluster';
import { postmasterOf, stopPostmaster } from './postmaster';

/** Where the supervisor tells what happens; pino's logger fits. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
}

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 200,
  cluster_name: 'banyan',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Failed statements are the client's to report. In this log their texts and values would be messages and addresses of users.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
};

const logLimitBytes = 10 * 1024 * 1024;
const pause = { shortestMs: 100, longestMs: 10_000 };
/** After running this long, the next death is a new trouble, not the last one again. */
const settledMs = 10_000;

/** PostgreSQL as a child process that is started again when it dies. */
export class PostgresProcess {
  private child?: ChildProcess;
  private supervision?: Promise<void>;
  private pauseMs = pause.shortestMs;
  private readonly stopping = new AbortController();
  // process.exit() takes PostgreSQL along; a Node that is killed leaves it to the next start.
  private readonly stopAtExit = () => this.child?.kill('SIGINT');

  constructor(
    private readonly cluster: Cluster,
    private readonly logFile: string,
    private readonly log: Log,
  ) {}

  /**
   * Resolves when it accepts connections; from then on it is kept alive, on the same port. Recovery after a crash takes as long as it
   * takes.
   *
   * @throws Error with PostgreSQL's own last words when it ends instead
   */
  async start(): Promise<void> {
    process.once('exit', this.stopAtExit);
    try {
      this.supervision = this.supervise(await this.launch());
    } catch (error) {
      process.off('exit', this.stopAtExit);
      throw error;
    }
  }

  /** Fast shutdown: sessions are ended, everything acknowledged is on disk. Harder when that does not help within seconds. */
  async stop(): Promise<void> {
    this.stopping.abort();
    if (this.child?.pid && isRunning(this.child)) await stopPostmaster(this.child.pid);
    await this.supervision;
    process.off('exit', this.stopAtExit);
  }

  private async supervise(first: ChildProcess): Promise<void> {
    for (let child: ChildProcess | undefined = first; child; child = await this.relaunch()) {
      const startedAt = Date.now();
      if (isRunning(child)) await once(child, 'exit');
      if (this.stopping.signal.aborted) return;
      this.log.warn(`PostgreSQL ended (${child.signalCode ?? child.exitCode}); starting it again`);
      if (Date.now() - startedAt > settledMs) this.pauseMs = pause.shortestMs;
    }
  }

  /** Undefined when it is to be stopped meanwhile. */
  private async relaunch(): Promise<ChildProcess | undefined> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await delay(this.pauseMs, undefined, { signal });
        this.pauseMs = Math.min(this.pauseMs * 2, pause.longestMs);
        const child = await this.launch();
        this.log.info('PostgreSQL is back');
        return child;
      } catch (error) {
        if (!signal.aborted) this.log.warn(`PostgreSQL does not start: ${(error as Error).message}`);
      }
    }
    return undefined;
  }

  private async launch(): Promise<ChildProcess> {
    this.stopping.signal.throwIfAborted();
    const { binaries, dataArgument, folder, account, access } = this.cluster;
    const options = Object.entries({ ...settings, port: access.port }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const output = openLog(this.logFile);
    const logStart = statSync(this.logFile).size;
    const child = spawn(binaries.postgres, ['-D', dataArgument, ...options], {
      ...account,
      cwd: folder,
      env: postgresEnvironment,
      stdio: ['ignore', output, output],
      detached: true, // Ctrl-C in a terminal must not end it before the requests that still need it
    });
    closeSync(output);
    this.child = child;
    let failure: Error | undefined;
    child.once('error', (error) => (failure = error));
    child.once('exit', (code, signal) => (failure = new Error(lastWords(this.logFile, logStart) ?? `it ended with ${signal ?? code}`)));
    // The status line in postmaster.pid is what pg_ctl waits for, too.
    for (;;) {
      await delay(20);
      if (failure) throw failure;
      const postmaster = postmasterOf(folder);
      if (postmaster?.pid === child.pid && postmaster?.isReady) return child;
    }
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function openLog(path: string): number {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > logLimitBytes) renameSync(path, `${path}.1`);
  const output = openSync(path, 'a', 0o600);
  if (process.getuid?.() === 0) {
    const { uid, gid } = statSync(dirname(path)); // as with postgres.json: it stays its user's
    fchownSync(output, uid, gid);
  }
  return output;
}

/** What PostgreSQL wrote when it gave up, without the time stamp. */
function lastWords(logFile: string, from: number): string | undefined {
  const written = readFileSync(logFile).subarray(from).toString();
  return [...written.matchAll(/(?:FATAL|PANIC): +(.*)/g)].at(-1)?.[1];
}
