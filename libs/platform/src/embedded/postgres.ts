import { access, constants, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { reasonOf, StartupError } from '../config/startup-error';
import { lockFolder } from './folder-lock';
import { findPostgresBinaries } from './postgres-binaries';
import { openCluster, urlOf, withFreePort } from './postgres-cluster';
import { type Log, PostgresProcess } from './postgres-process';
import { stopLeftover } from './postmaster';

export { readEmbeddedUrl } from './postgres-cluster';

export interface EmbeddedPostgres {
  /** `postgresql://postgres:…@127.0.0.1:<port>/postgres`, a superuser; the same for as long as this server runs. */
  readonly url: string;
  /** Close pools first: sessions that are still open are ended. */
  stop(): Promise<void>;
}

/**
 * The PostgreSQL that comes with the program: real, durable (fsync), reachable from this machine only, with a password of its own.
 *
 * It lives in `<dataDir>/postgres`; beside it `postgres.json` (how to connect) and `postgres.log`. It survives `kill -9` of itself (it
 * is started again, on the same port) and of this process (the next start stops what was left behind and takes the data over), at any
 * moment, the first `initdb` included. Only one process at a time can use a `dataDir`.
 *
 * @throws StartupError
 */
export async function startEmbeddedPostgres(options: { dataDir: string; log: Log }): Promise<EmbeddedPostgres> {
  const { log } = options;
  const dataDir = resolve(options.dataDir);
  await makeFolder(dataDir);
  const unlock = await lockFolder(dataDir);
  try {
    const { server, url } = await openServer(dataDir, log);
    return {
      url,
      stop: async () => {
        await server.stop();
        await unlock();
      },
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Sessions of a killed postmaster need a moment to notice; PostgreSQL refuses to start until the last of them is gone. */
const attempts = 7;

async function openServer(dataDir: string, log: Log): Promise<{ server: PostgresProcess; url: string }> {
  const cluster = await openCluster(dataDir, findPostgresBinaries);
  const logFile = join(dataDir, 'postgres.log');
  for (let attempt = 1; ; attempt++) {
    const leftover = await stopLeftover(cluster.folder);
    if (leftover) log.warn(`Stopped PostgreSQL (pid ${leftover}), which an earlier server had left running`);
    const reachable = await withFreePort(dataDir, cluster);
    const server = new PostgresProcess(reachable, logFile, log);
    try {
      await server.start();
      return { server, url: urlOf(reachable.access) };
    } catch (error) {
      if (attempt === attempts) {
        throw new StartupError(`PostgreSQL does not start (${reasonOf(error)}): its log is ${logFile}, its data ${cluster.folder}.`);
      }
      await delay(50 * 2 ** attempt);
    }
  }
}

async function makeFolder(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await access(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StartupError(`Cannot write to ${dataDir} (${reasonOf(error)}): make it writable, or set DATA_DIR to another folder.`);
  }
}
