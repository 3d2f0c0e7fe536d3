import 'reflect-metadata';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '@banyan/platform/config/settings';
import type { Carrier } from '@banyan/platform/dispatch/carrier';
import { createLogger } from '@banyan/platform/telemetry/log';
import { Client } from 'pg';
import { type RunningServer, startServer } from '../../apps/server/src/server';
import { RehearsalCarrier } from './rehearsal.carrier';

export const TEST_SECRET = 'only-for-tests-0123456789abcdefghijklmnop';

/** Of each there is a setting; those that nothing uses yet are never made. */
const DATABASES = ['auth', 'user', 'message', 'group', 'media', 'notification', 'host'] as const;

export interface TestServer extends RunningServer {
  /** The settings it runs with; more servers can be started on the same data. */
  readonly environment: Readonly<Record<string, string>>;
  /** Stops it and drops its databases. */
  close(): Promise<void>;
}

export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with npm test, which starts the servers they need`);
  return value;
}

/** Settings of a server with databases of its own on the test PostgreSQL; with `redis`, on the test Redis too. */
export function freshEnvironment({ redis = false }: { redis?: boolean } = {}): Record<string, string> {
  const run = `t_${randomBytes(6).toString('hex')}`;
  const url = new URL(required('TEST_DATABASE_URL'));
  const databases = DATABASES.map((name) => {
    url.pathname = `/${run}_${name}`;
    return [`${name.toUpperCase()}_DATABASE_URL`, url.href];
  });
  return {
    PORT: '0',
    BIND: '127.0.0.1',
    JWT_SECRET_KEY: TEST_SECRET,
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'silent',
    ...Object.fromEntries(databases),
    ...(redis ? { REDIS_URL: freshRedis() } : {}),
  };
}

/** Who is there, which processes, how often somebody tried: none of that is another deployment's. */
function freshRedis(): string {
  const url = new URL(required('TEST_REDIS_URL'));
  url.pathname = `/${1 + randomInt(4_095)}`;
  return url.href;
}

/** Settings of an object store that processes share: a bucket of their own on the test S3. */
export function freshBucket(): Record<string, string> {
  const { origin, username, password } = new URL(required('TEST_S3_URL'));
  return { S3_ENDPOINT: origin, S3_ACCESS_KEY: username, S3_SECRET_KEY: password, S3_BUCKET: `t-${randomBytes(6).toString('hex')}` };
}

export interface TestServerOptions {
  readonly redis?: boolean;
  /** Execute twice whatever says that it may be repeated. */
  readonly twice?: boolean;
  readonly environment?: Record<string, string>;
  /** Stands in front of all calls, to plant bugs. */
  readonly wrapCarrier?: (carrier: Carrier) => Carrier;
}

/** A whole server in this process, with data of its own, whose calls are held to what a remote carrier demands. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'banyan-test-'));
  const environment = { DATA_DIR: dataDir, ...freshEnvironment(options), ...options.environment };
  const settings = loadSettings(environment);
  const server = await startServer(settings, {
    log: createLogger({ level: settings.LOG_LEVEL }),
    wrapCarrier: (carrier) => {
      const rehearsal = new RehearsalCarrier(carrier, { twice: options.twice ?? false });
      return options.wrapCarrier?.(rehearsal) ?? rehearsal;
    },
  });
  return {
    ...server,
    environment,
    close: async () => {
      await server.stop();
      await dropDatabases(environment);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export async function dropDatabases(environment: Readonly<Record<string, string>>): Promise<void> {
  const client = new Client({ connectionString: required('TEST_DATABASE_URL') });
  await client.connect();
  for (const name of DATABASES) {
    const url = environment[`${name.toUpperCase()}_DATABASE_URL`];
    if (url) await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(new URL(url).pathname.slice(1))} WITH (FORCE)`);
  }
  await client.end();
}
