import type { PoolClient } from 'pg';
import { DataSource, type Logger, type MigrationInterface, type MixedList } from 'typeorm';
import { StartupError } from '../config/startup-error';
import { serverFault } from './server-fault';
import { valueTypes } from './values';

/** A class as TypeORM wants it; its `name` ends with the milliseconds at which it was written, which is its place in the history. */
export type Migration = new () => MigrationInterface;

export interface DataSourceOptions {
  /** postgres://user:password@host:port/database */
  readonly url: string;
  readonly schema: string;
  /** What the session acts as; the user of `url` is a member of it. */
  readonly role: string;
  readonly poolSize: number;
  readonly applicationName: string;
  /** Default 10 s; 0 for none. */
  readonly statementTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** One history and the table in which it is kept; only to run it. */
  readonly history?: { readonly table: string; readonly migrations: readonly Migration[] };
}

/**
 * Connects and keeps a pool, whose broken connections are replaced as they are needed. Every session starts with the settings
 * below, sent with the connection itself, so none is ever seen without them.
 *
 * @throws StartupError when the server cannot be used
 */
export async function openDataSource(options: DataSourceOptions): Promise<DataSource> {
  const dataSource = new DataSource({
    type: 'postgres',
    url: options.url,
    schema: options.schema,
    applicationName: options.applicationName,
    poolSize: options.poolSize,
    connectTimeoutMS: options.connectTimeoutMs ?? 5_000,
    installExtensions: false,
    logger: silent,
    migrations: (options.history?.migrations ?? []) as MixedList<Migration>,
    migrationsTableName: options.history?.table,
    // An idle connection that the server ends leaves the pool by itself; the next use says whether the server is back.
    poolErrorHandler: () => undefined,
    extra: {
      options: sessionSettings(options),
      types: valueTypes,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      idleTimeoutMillis: 60_000,
      // A connection in use that breaks says so twice: to its statement, and as an event that must have a listener.
      onConnect: (client: PoolClient) => void client.on('error', () => undefined),
    },
  });
  try {
    return await dataSource.initialize();
  } catch (error) {
    throw new StartupError(serverFault(error, options.url), { cause: error });
  }
}

/** TypeORM prints to the console what it throws as well. */
const silent: Logger = {
  logQuery: () => undefined,
  logQueryError: () => undefined,
  logQuerySlow: () => undefined,
  logSchemaBuild: () => undefined,
  logMigration: () => undefined,
  log: () => undefined,
};

function sessionSettings({ role, schema, statementTimeoutMs = 10_000 }: DataSourceOptions): string {
  const settings = {
    role,
    search_path: schema,
    TimeZone: 'UTC',
    DateStyle: 'ISO',
    statement_timeout: statementTimeoutMs,
    lock_timeout: statementTimeoutMs,
    // A process that is frozen inside a transaction must not keep its locks.
    idle_in_transaction_session_timeout: 30_000,
    default_transaction_isolation: 'read\\ committed',
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}
