import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, open, lstat, mkdir, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { reasonOf, StartupError } from '../config/startup-error';
import { findFreePort, isPortFree } from './free-port';
import type { Account, PostgresBinaries } from './postgres-binaries';

/** How to reach the embedded server; kept in `postgres.json`, which only the owner can read. */
export interface Access {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: 'postgres';
  readonly password: string;
}

/** A cluster ready to be served: where it lies, who runs it, with what, and how clients get in. */
export interface Cluster {
  /** PGDATA, and the working directory of everything that works on it. */
  readonly folder: string;
  /** What the programs get as `-D`. */
  readonly dataArgument: string;
  readonly account?: Account;
  readonly binaries: PostgresBinaries;
  readonly access: Access;
}

/** Root's servers run as this account (nobody), unless the data already has an owner. */
const unprivileged: Account = { uid: 65534, gid: 65534 };

/** Nothing of the caller's environment (PGOPTIONS, LANG, secrets) reaches PostgreSQL. */
export const postgresEnvironment = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };

/** `postgresql://…` of the embedded server of this data folder, whether it runs or not; undefined when there is none. */
export async function readEmbeddedUrl(dataDir: string): Promise<string | undefined> {
  const access = await readAccess(dataDir);
  return access && urlOf(access);
}

export function urlOf({ user, password, host, port }: Access): string {
  return `postgresql://${user}:${password}@${host}:${port}/postgres`;
}

/**
 * Open `<dataDir>/postgres`, making it when it is not there. The caller holds the folder's lock.
 *
 * @param findBinaries is asked once it is known which account will run them
 * @throws StartupError when the folder belongs to another version, another user, or cannot be made
 */
export async function openCluster(dataDir: string, findBinaries: (account?: Account) => Promise<PostgresBinaries>): Promise<Cluster> {
  const folder = join(dataDir, 'postgres');
  const account = await accountFor(folder);
  const binaries = await findBinaries(account);
  // The account may not be allowed through the folders above (a checkout below /root). Linux lets it in by the working directory,
  // which the process enters before it gives up root.
  const dataArgument = account && process.platform === 'linux' ? '/proc/self/cwd' : folder;
  const exists = await checkVersion(folder, binaries.major);
  const cluster = { folder, dataArgument, account, binaries, access: await keepAccess(dataDir, exists) };
  if (!exists) await createCluster(dataDir, cluster);
  return cluster;
}

/** The same access with another port, when someone else has taken the kept one. */
export async function withFreePort(dataDir: string, cluster: Cluster): Promise<Cluster> {
  if (await isPortFree(cluster.access.port)) return cluster;
  const access = { ...cluster.access, port: await findFreePort() };
  await writeAccess(dataDir, access);
  return { ...cluster, access };
}

async function accountFor(folder: string): Promise<Account | undefined> {
  const owner = await stat(folder).catch(() => undefined);
  if (process.getuid?.() !== 0) {
    if (owner && owner.uid !== process.getuid?.()) {
      throw new StartupError(
        `${folder} belongs to another user (uid ${owner.uid}): start as root or as that user, or set DATA_DIR to another folder.`,
      );
    }
    return undefined;
  }
  if (!owner) return unprivileged;
  if (owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  await handOver(folder, unprivileged); // copied back by root, say
  return unprivileged;
}

async function handOver(path: string, { uid, gid }: Account): Promise<void> {
  try {
    await chown(path, uid, gid);
  } catch (error) {
    throw new StartupError(
      `PostgreSQL must not run as root and cannot be given to user ${uid} (${reasonOf(error)}): start as an ordinary user, or set DATABASE_URL.`,
    );
  }
  if (!(await lstat(path)).isDirectory()) return;
  for (const name of await readdir(path)) await handOver(join(path, name), { uid, gid });
}

/** Whether there is a complete cluster in the folder. */
async function checkVersion(folder: string, ours: number): Promise<boolean> {
  const version = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined) {
    const content = await readdir(folder).catch(() => []);
    if (content.length > 0)
      throw new StartupError(`${folder} is not a PostgreSQL data folder: move it away, or set DATA_DIR to another folder.`);
    return false;
  }
  if (Number(version) === ours) return true;
  throw new StartupError(
    `${folder} was made by PostgreSQL ${version.trim()} and this is PostgreSQL ${ours}: move it away to start empty, or serve it with a PostgreSQL ${version.trim()} and set DATABASE_URL to that.`,
  );
}

async function readAccess(dataDir: string): Promise<Access | undefined> {
  try {
    const access = JSON.parse(await readFile(join(dataDir, 'postgres.json'), 'utf8')) as Access;
    return Number.isInteger(access.port) && access.password ? access : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The password is on disk before the cluster knows it, so that no crash leaves a cluster without one. */
async function keepAccess(dataDir: string, isInUse: boolean): Promise<Access> {
  const kept = await readAccess(dataDir);
  if (kept) return kept;
  if (isInUse) {
    throw new StartupError(
      `${join(dataDir, 'postgres.json')}, which holds the password of the data beside it, is missing or damaged: put it back, or move ${join(dataDir, 'postgres')} away to start empty.`,
    );
  }
  const access: Access = { host: '127.0.0.1', port: await findFreePort(), user: 'postgres', password: randomBytes(24).toString('hex') };
  await writeAccess(dataDir, access);
  return access;
}

async function writeAccess(dataDir: string, access: Access): Promise<void> {
  const unfinished = join(dataDir, 'postgres.json.new');
  await rm(unfinished, { force: true });
  await writeFile(unfinished, JSON.stringify(access, null, 2) + '\n', { mode: 0o600, flush: true });
  if (process.getuid?.() === 0) {
    const { uid, gid } = await stat(dataDir); // root may visit a user's checkout, and the user comes back
    await chown(unfinished, uid, gid);
  }
  await rename(unfinished, join(dataDir, 'postgres.json'));
  await syncFolder(dataDir);
}

/** initdb works beside the final place and is moved there when it is complete: one that was interrupted never looks like a cluster. */
async function createCluster(dataDir: string, cluster: Cluster): Promise<void> {
  for (const name of await readdir(dataDir)) {
    // An initdb whose server was killed may still be writing there; it ends by itself and its folder goes at the next start.
    if (name.startsWith('postgres.init-')) await rm(join(dataDir, name), { recursive: true, force: true }).catch(() => undefined);
  }
  const unfinished = join(dataDir, `postgres.init-${randomBytes(4).toString('hex')}`);
  await mkdir(unfinished, { mode: 0o700 });
  if (cluster.account) await handOver(unfinished, cluster.account);
  await runInitdb(unfinished, cluster);
  await rename(unfinished, cluster.folder);
  await syncFolder(dataDir);
}

async function runInitdb(folder: string, { binaries, account, dataArgument, access, folder: target }: Cluster): Promise<void> {
  const password = await passwordFile(`${folder}.password`, access.password, account);
  try {
    const child = spawn(
      binaries.initdb,
      [
        `--pgdata=${dataArgument === target ? folder : dataArgument}`,
        `--username=${access.user}`,
        '--pwfile=/dev/stdin',
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--no-instructions',
      ],
      { ...account, cwd: folder, env: postgresEnvironment, stdio: [password.fd, 'ignore', 'pipe'] },
    );
    const killWithUs = () => child.kill('SIGKILL');
    process.once('exit', killWithUs);
    const exited = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
    const [code, errors] = await Promise.all([exited, text(child.stderr as Readable)]).finally(() => process.off('exit', killWithUs));
    if (code !== 0) throw new Error(/(?:error|FATAL|PANIC): +(.*)/.exec(errors)?.[1] ?? `initdb ended with ${code}`);
  } catch (error) {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw new StartupError(
      `Cannot make a database in ${target} (${reasonOf(error)}): set DATA_DIR to a folder with room that can be written, or set DATABASE_URL.`,
    );
  } finally {
    await password.close();
  }
}

/** Handed over as an open file, already without a name: the account need not reach the folder, and a crash leaves nothing behind. */
async function passwordFile(path: string, password: string, account?: Account): ReturnType<typeof open> {
  await writeFile(path, password + '\n', { mode: 0o600, flag: 'wx' });
  if (account) await chown(path, account.uid, account.gid);
  const file = await open(path, 'r');
  await unlink(path);
  return file;
}

/** A rename is on disk when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}
