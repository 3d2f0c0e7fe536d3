import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { docker, findFolder, isRoot } from './sources.mjs';

/** PostgreSQL refuses to run as root. */
const account = isRoot ? { uid: 65534, gid: 65534 } : undefined;
const environment = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };

/** The one from npm, as the server brings it. */
export const postgres = {
  ...server(['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']),
  name: 'postgres',
  setting: 'DATABASE_URL',
  program: 'PostgreSQL from npm',
  debianPackages: [],
  image: undefined,

  /** As the server finds them, from its source: tests need no build. */
  async findBinaries() {
    await import('../typescript.mjs');
    const { findPostgresBinaries } = createRequire(import.meta.url)('../../../libs/platform/src/embedded/postgres-binaries.ts');
    return findPostgresBinaries(account);
  },
};

/** The version that the legacy system runs on, with `pg_dump` beside it. */
export const legacyPostgres = {
  ...server([`--locale=${process.platform === 'linux' ? 'C.UTF-8' : 'en_US.UTF-8'}`]),
  name: 'legacy-postgres',
  setting: 'LEGACY_DATABASE_URL',
  program: 'PostgreSQL 15',
  debianPackages: ['postgresql-15'],
  image: 'postgres:15.10',

  findBinaries() {
    const folder = findFolder('initdb', ['/usr/lib/postgresql/15/bin', '/opt/homebrew/opt/postgresql@15/bin']);
    return folder && { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') };
  },
};

function server(locale) {
  return {
    stopSignal: 'SIGINT',

    async prepare({ folder, port, password, binaries, fsync }) {
      const data = join(folder, 'data');
      if (!existsSync(data)) await initialise({ folder, data, password, binaries, locale, fsync });
      const settings = {
        listen_addresses: '127.0.0.1',
        port,
        unix_socket_directories: '',
        max_connections: 300,
        fsync: fsync ? 'on' : 'off',
      };
      const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      const { argument, ...place } = placeOf(data);
      return { command: binaries.postgres, args: ['-D', argument, ...options], account, env: environment, ...place };
    },

    container: ({ password, fsync }) => ({
      port: 5432,
      env: { POSTGRES_PASSWORD: password },
      command: ['postgres', '-c', 'max_connections=300', '-c', `fsync=${fsync ? 'on' : 'off'}`],
    }),

    /** As pg_ctl asks it. */
    isReady({ folder, pid, container }) {
      try {
        if (container) return docker('exec', container, 'pg_isready', '-h', '127.0.0.1') !== '';
        const lines = readFileSync(join(folder, 'data/postmaster.pid'), 'utf8').split('\n');
        return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
      } catch {
        return false;
      }
    },

    url: ({ port, password }) => `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
  };
}

/**
 * Another account may not pass the folders above; on Linux it gets the folder itself, as open file 3. (PostgreSQL 15 changes its working
 * directory to and fro, so that it cannot be that, as it is for the server's own.)
 */
const byOpenFile = account !== undefined && process.platform === 'linux';

function placeOf(data) {
  return byOpenFile ? { argument: '/proc/self/fd/3', cwd: '/', openFolder: data } : { argument: data, cwd: data };
}

/** Beside its place first, so that an interrupted initdb never looks like a finished one. */
async function initialise({ folder, data, password, binaries, locale, fsync }) {
  const unfinished = `${data}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password + '\n', { mode: 0o600 });
  if (account) for (const path of [unfinished, passwordFile]) chownSync(path, account.uid, account.gid);
  const input = openSync(passwordFile, 'r');
  unlinkSync(passwordFile);
  const { argument, cwd, openFolder } = placeOf(unfinished);
  const args = ['-D', argument, '--username=postgres', '--pwfile=/dev/stdin', '--auth=scram-sha-256', '--encoding=UTF8', ...locale];
  if (!fsync) args.push('--no-sync');
  const folders = openFolder ? [openSync(openFolder)] : [];
  const initdb = spawn(binaries.initdb, args, { ...account, cwd, stdio: [input, 'ignore', 'pipe', ...folders], env: environment });
  for (const file of [input, ...folders]) closeSync(file);
  const [[code], errors] = await Promise.all([once(initdb, 'close'), text(initdb.stderr)]);
  if (code !== 0) throw new Error(`initdb failed: ${errors}`);
  renameSync(unfinished, data);
}
