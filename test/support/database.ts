import { randomUUID } from 'node:crypto';
import { Client, type ClientConfig } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';
import { openDataSource, type Migration } from '@banyan/platform/database/data-source';
import { Database, type DatabaseOptions } from '@banyan/platform/database/database';
import { prepareDatabase } from '@banyan/platform/database/migrate';
import { createPlatformTables, createPublishedTable, dropPlatformTables, dropPublishedTable } from '@banyan/platform/database/side-tables';

/** The URL of a PostgreSQL superuser; specs make and drop databases of their own there. */
export function serverUrl(): string {
  const url = process.env['TEST_DATABASE_URL'];
  if (url === undefined) throw new Error('TEST_DATABASE_URL names no PostgreSQL server: run the specs with "npm test"');
  return url;
}

/** One client for one piece of work, as the superuser. */
export async function withClient<T>(config: string | ClientConfig, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(config);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The platform's tables and nothing else. */
export class PlatformTables1790000000000 {
  async up(runner: QueryRunner): Promise<void> {
    await createPlatformTables(runner);
    await createPublishedTable(runner);
  }
  async down(runner: QueryRunner): Promise<void> {
    await dropPublishedTable(runner);
    await dropPlatformTables(runner);
  }
}

export interface TestDatabaseOptions extends DatabaseOptions {
  readonly schema?: string;
  readonly poolSize?: number;
  readonly side?: readonly Migration[];
  readonly tables?: readonly Migration[];
  /** Plain statements run as the domain's role, in its schema. */
  readonly setup?: readonly string[];
  readonly statementTimeoutMs?: number;
  /** Connect through something else than the server itself, such as a proxy. */
  readonly via?: (url: string) => string;
}

export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  readonly schema: string;
  readonly database: Database;
  readonly dataSource: DataSource;
  /** A further, independent pool on the same database, as another process would have. */
  connect(options?: TestDatabaseOptions): Promise<{ database: Database; dataSource: DataSource }>;
  /** SQL as the superuser, past everything under test; the schema is in the search path. */
  admin<Row>(text: string, values?: unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

/** A new database with a migrated schema, and a `Database` on it. Drop it in `afterAll`. */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const schema = options.schema ?? 'banyan_test';
  const name = `test_${randomUUID().replaceAll('-', '').slice(0, 20)}`;
  const url = await prepareDatabase({
    url: serverUrl(),
    database: name,
    schema,
    role: schema,
    histories: { side: options.side ?? [PlatformTables1790000000000], tables: options.tables },
  });
  const opened: DataSource[] = [];
  const connect = async (more: TestDatabaseOptions = {}) => {
    const all = { ...options, ...more };
    const dataSource = await openDataSource({
      url: all.via?.(url) ?? url,
      schema,
      role: schema,
      poolSize: all.poolSize ?? 10,
      applicationName: 'banyan spec',
      statementTimeoutMs: all.statementTimeoutMs,
    });
    opened.push(dataSource);
    return { dataSource, database: new Database(() => dataSource, all) };
  };
  const first = await connect();
  for (const statement of options.setup ?? []) await first.dataSource.query(statement);
  return {
    url,
    name,
    schema,
    ...first,
    connect,
    admin: <Row>(text: string, values?: unknown[]) =>
      withClient(
        { connectionString: url, options: `-c search_path=${schema}` },
        async (client) => (await client.query(text, values)).rows as Row[],
      ),
    drop: async () => {
      await Promise.all(opened.map((dataSource) => dataSource.destroy()));
      await withClient(serverUrl(), (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}
