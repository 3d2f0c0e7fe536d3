import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Client } from 'pg';

import { StartupError } from '../config/startup-error';
import { type EmbeddedPostgres, readEmbeddedUrl, startEmbeddedPostgres } from './postgres';

const log = { info: () => undefined, warn: () => undefined };
const running: EmbeddedPostgres[] = [];
const processes: ChildProcess[] = [];
let parent: string;
let dataDir: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'banyan-embedded-')); // mode 700: as root, the server's account cannot pass through it
  dataDir = join(parent, 'data');
});

afterEach(async () => {
  for (const child of processes.splice(0)) child.kill('SIGKILL');
  for (const server of running.splice(0)) await server.stop();
  await rm(parent, { recursive: true, force: true });
});

async function start(folder = dataDir): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir: folder, log });
  running.push(server);
  return server;
}

async function stop(server: EmbeddedPostgres): Promise<void> {
  running.splice(running.indexOf(server), 1);
  await server.stop();
}

async function query<Row>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

const keepOneNote = (url: string) => query(url, `CREATE TABLE notes AS SELECT 'kept' AS text`);
const notes = (url: string) => query(url, 'SELECT text FROM notes');
const kept = [{ text: 'kept' }];

async function postmasterPid(): Promise<number> {
  return Number((await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0]);
}

/** What a server process does, in a process of its own; prints the url when it is up. */
function startInProcess(): ChildProcess {
  const script = `
    process.once('SIGTERM', () => process.exit(0));
    require('${join(__dirname, 'postgres.ts')}').startEmbeddedPostgres({ dataDir: process.argv[1], log: console })
      .then(({ url }) => console.log(url), (error) => { console.log(error.message); process.exit(1); });`;
  const child = spawn(process.execPath, ['--import', pathToFileURL(resolve('test/support/typescript.mjs')).href, '-e', script, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = (await once(child.stdout!, 'data')) as [Buffer];
  return chunk.toString().trim();
}

async function kill9(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('embedded PostgreSQL', () => {
  it('is durable, speaks UTF-8 whatever the machine does, and keeps data and address over a restart', async () => {
    const first = await start();
    const [settings] = await query(
      first.url,
      `SELECT current_setting('fsync') AS fsync, current_setting('server_encoding') AS encoding, current_setting('listen_addresses') AS listen,
              (SELECT datlocale FROM pg_database WHERE datname = 'template1') AS locale`,
    );
    expect(settings).toEqual({ fsync: 'on', encoding: 'UTF8', listen: '127.0.0.1', locale: 'C.UTF-8' });
    await keepOneNote(first.url);
    await stop(first);

    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await notes(second.url)).toEqual(kept);
  });

  it('lets nobody in without the password, which only the owner can read', async () => {
    const { url } = await start();
    await expect(query(url.replace(/:[0-9a-f]+@/, ':guess@'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect((await stat(join(dataDir, 'postgres.json'))).mode & 0o777).toBe(0o600);
    expect(await readEmbeddedUrl(dataDir)).toBe(url);
  });

  it('writes neither statements nor values into its log', async () => {
    const { url } = await start();
    await query(url, 'CREATE TABLE people (email text UNIQUE)');
    await query(url, `INSERT INTO people VALUES ('alice@example.org')`);
    await expect(query(url, `INSERT INTO people VALUES ('alice@example.org')`)).rejects.toMatchObject({ code: '23505' });
    expect(await readFile(join(dataDir, 'postgres.log'), 'utf8')).not.toContain('alice');
  });

  it('comes back with its data, at the same address, when PostgreSQL is killed', async () => {
    const { url } = await start();
    await keepOneNote(url);
    const pid = await postmasterPid();
    process.kill(pid, 'SIGKILL');
    const [after] = await untilAnswered(() => notes(url), pid);
    expect(after).toEqual(kept[0]);
  });

  it('takes over what a killed server left running', async () => {
    const child = startInProcess();
    const url = await firstLine(child);
    await keepOneNote(url);
    const orphan = await postmasterPid();
    await kill9(child);
    expect(exists(orphan)).toBe(true);

    const server = await start();
    expect(server.url).toBe(url);
    expect(await postmasterPid()).not.toBe(orphan);
    expect(await notes(server.url)).toEqual(kept);
  });

  it('takes over when both were killed', async () => {
    const child = startInProcess();
    await keepOneNote(await firstLine(child));
    const orphan = await postmasterPid();
    await kill9(child);
    process.kill(orphan, 'SIGKILL');
    expect(await notes((await start()).url)).toEqual(kept);
  });

  it('stops PostgreSQL when the process leaves by process.exit()', async () => {
    const child = startInProcess();
    await firstLine(child);
    child.kill('SIGTERM');
    while (await postmasterPid().catch(() => undefined)) await delay(20); // the file goes with a clean shutdown only
  });

  it('makes the database anew when the first attempt was killed in the middle', async () => {
    const child = startInProcess();
    let unfinished: string | undefined;
    while (!unfinished) {
      await delay(5);
      const [name] = (await readdir(dataDir).catch(() => [])).filter(
        (entry) => entry.startsWith('postgres.init-') && !entry.endsWith('.password'),
      );
      if (name && (await readdir(join(dataDir, name))).includes('PG_VERSION')) unfinished = name;
    }
    await kill9(child);
    await keepOneNote((await start()).url);
  });

  it('refuses a second server on the same data, also when both start at once', async () => {
    const starts = await Promise.allSettled([start(), start()]);
    const refused = starts.filter((result) => result.status === 'rejected');
    expect(refused.map(({ reason }) => reason as Error)).toEqual([
      new StartupError(`Another server is using ${dataDir}: stop it, or set DATA_DIR to another folder.`),
    ]);
    const other = startInProcess();
    expect(await firstLine(other)).toMatch(/^Another server is using/);
    expect(await query((await readEmbeddedUrl(dataDir))!, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('is not misled by a process that was given the number of a dead PostgreSQL', async () => {
    const first = await start();
    await keepOneNote(first.url);
    const file = join(dataDir, 'postgres/postmaster.pid');
    const content = await readFile(file, 'utf8');
    const { uid, gid } = await stat(file);
    await stop(first);
    const bystander = spawn('sleep', ['1000'], process.getuid?.() === 0 ? { uid, gid } : {});
    processes.push(bystander);
    await writeFile(file, content.replace(/^\d+/, String(bystander.pid)));

    expect(await notes((await start()).url)).toEqual(kept);
    expect(exists(bystander.pid!)).toBe(true);
  });

  it.each(['', 'torn'])('starts after a crash of the machine that left %j in postmaster.pid', async (content) => {
    await stop(await start());
    await writeFile(join(dataDir, 'postgres/postmaster.pid'), content);
    await start();
  });

  it('moves to another port when someone else took its own', async () => {
    const first = await start();
    await keepOneNote(first.url);
    await stop(first);
    const intruder = createServer().listen(Number(new URL(first.url).port), '127.0.0.1');
    await once(intruder, 'listening');
    try {
      const second = await start();
      expect(second.url).not.toBe(first.url);
      expect(await readEmbeddedUrl(dataDir)).toBe(second.url);
      expect(await notes(second.url)).toEqual(kept);
    } finally {
      intruder.close();
    }
  });

  it.each([
    ['another version', 'postgres/PG_VERSION', '17\n', /was made by PostgreSQL 17 and this is PostgreSQL 18: .* set DATABASE_URL/],
    ['no password', 'postgres.json', '', /missing or damaged: put it back/],
  ])('says in one sentence what to do about data with %s', async (_, file, content, sentence) => {
    await stop(await start());
    const original = await readFile(join(dataDir, file));
    await writeFile(join(dataDir, file), content);
    await expect(start()).rejects.toThrow(sentence);
    await writeFile(join(dataDir, file), original);
    await start(); // nothing was touched
  });

  it('says in one sentence that a folder cannot be written', async () => {
    await writeFile(dataDir, 'a file');
    const refusal = await start(join(dataDir, 'below')).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StartupError);
    expect((refusal as Error).message).toMatch(/^Cannot write to .* \(ENOTDIR\): make it writable, or set DATA_DIR to another folder\.$/);
  });

  it('does not touch a folder called postgres that is something else', async () => {
    await stop(await start());
    await rm(join(dataDir, 'postgres/PG_VERSION'));
    await expect(start()).rejects.toThrow(/is not a PostgreSQL data folder/);
  });
});

/** Ask until a server other than `dead` answers. */
async function untilAnswered<T>(ask: () => Promise<T>, dead: number): Promise<T> {
  for (;;) {
    try {
      if ((await postmasterPid()) !== dead) return await ask();
    } catch {
      // not yet
    }
    await delay(50);
  }
}
