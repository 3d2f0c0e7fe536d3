import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import { Client } from 'pg';

import { type ServerName, type Servers, startServers } from './servers';

let servers: Servers | undefined;

afterEach(async () => {
  await servers?.stop();
  servers = undefined;
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

async function redisCommand(url: string, ...command: [string, ...string[]]): Promise<unknown> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  try {
    await client.connect();
    return await client.call(...command);
  } finally {
    client.disconnect();
  }
}

function pidOf(file: string, name: ServerName): number {
  const { services } = JSON.parse(readFileSync(file, 'utf8')) as { services: Record<string, { process: { pid: number } }> };
  return services[name]!.process.pid;
}

function exists(pid: number): boolean {
  return !/^$|\) [ZX] /.test(existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '');
}

describe('servers for tests', () => {
  it('keep what they acknowledged, and their addresses, over kill -9', async () => {
    servers = await startServers('redis', 'postgres', 'legacy-postgres');
    const { TEST_REDIS_URL, TEST_DATABASE_URL, TEST_LEGACY_DATABASE_URL } = servers.env;
    await redisCommand(TEST_REDIS_URL!, 'SET', 'note', 'kept');
    for (const url of [TEST_DATABASE_URL!, TEST_LEGACY_DATABASE_URL!]) await query(url, `CREATE TABLE notes AS SELECT 'kept' AS text`);

    for (const name of ['redis', 'postgres', 'legacy-postgres'] as const) await servers.kill(name);
    await expect(redisCommand(TEST_REDIS_URL!, 'GET', 'note')).rejects.toThrow();
    await expect(query(TEST_DATABASE_URL!, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });

    for (const name of ['redis', 'postgres', 'legacy-postgres'] as const) await servers.start(name);
    expect(await redisCommand(TEST_REDIS_URL!, 'GET', 'note')).toBe('kept');
    for (const url of [TEST_DATABASE_URL!, TEST_LEGACY_DATABASE_URL!])
      expect(await query(url, 'SELECT text FROM notes')).toEqual([{ text: 'kept' }]);
  });

  it('are PostgreSQL 18 and, for the legacy schema, 15', async () => {
    servers = await startServers('postgres', 'legacy-postgres');
    const major = async (url: string) => (await query(url, `SELECT current_setting('server_version_num')::int / 10000 AS major`))[0];
    expect(await major(servers.env.TEST_DATABASE_URL!)).toEqual({ major: 18 });
    expect(await major(servers.env.TEST_LEGACY_DATABASE_URL!)).toEqual({ major: 15 });
  });

  it('that a killed run has left behind are ended by the next one', async () => {
    const dead = spawn(process.execPath, [join(__dirname, 'services.mjs'), 'run', 'redis'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = (await once(dead.stdout, 'data')) as [Buffer];
    const { env } = JSON.parse(line.toString()) as { env: { TEST_SERVICES_FILE: string } };
    const orphan = pidOf(env.TEST_SERVICES_FILE, 'redis');
    dead.kill('SIGKILL');
    await once(dead, 'exit');
    expect(exists(orphan)).toBe(true);

    servers = await startServers('redis');
    expect(exists(orphan)).toBe(false);
    expect(existsSync(dirname(env.TEST_SERVICES_FILE))).toBe(false);
  });

  it('end with the process that asked for them', async () => {
    servers = await startServers('redis');
    const file = servers.env.TEST_SERVICES_FILE!;
    const pid = pidOf(file, 'redis');
    await servers.stop();
    servers = undefined;
    expect(exists(pid)).toBe(false);
    expect(existsSync(dirname(file))).toBe(false);
  });
});
