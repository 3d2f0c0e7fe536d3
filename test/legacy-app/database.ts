import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pool, type PoolClient, types } from 'pg';
import { naiveFromDatabase } from './clock';
import { pythonJson } from './json';

const TIMESTAMP = 1114;
const parsers = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === TIMESTAMP ? naiveFromDatabase : (types.getTypeParser(oid, format as 'text') as (value: string) => unknown),
};

type Row = Record<string, unknown>;

/** Something that runs statements: the database, or a transaction in it. */
export interface Queryable {
  query<R = Row>(sql: string, values?: readonly unknown[]): Promise<R[]>;
}

/** A failed statement. Its message is what legacy leaks: the statement and its parameters as well. */
export class StatementFailed extends Error {
  constructor(cause: Error, sql: string, values: readonly unknown[]) {
    const parameters = pythonJson(values.map((value) => (Buffer.isBuffer(value) ? value.toString() : value)));
    super(`(psycopg2.errors) ${cause.message}\n\n[SQL: ${sql}]\n[parameters: ${parameters}]`, { cause });
  }
}

export class Database implements Queryable {
  private readonly pool: Pool;

  constructor(url: string, max: number) {
    this.pool = new Pool({ connectionString: url, max, types: parsers, application_name: 'legacy' });
    this.pool.on('error', () => undefined); // an idle connection broke: the next statement gets another
  }

  query<R = Row>(sql: string, values: readonly unknown[] = []): Promise<R[]> {
    return run<R>(this.pool, sql, values);
  }

  /** All of it or nothing. */
  async transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    client.once('error', (error: Error) => (broken = error));
    try {
      await client.query('BEGIN');
      const result = await work({ query: (sql, values = []) => run(client, sql, values) });
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** What SQLAlchemy's `create_all` does at each start: tables that are there stay as they are. */
  async createTables(): Promise<void> {
    const ddl = readFileSync(join(__dirname, '../legacy/schema.sql'), 'utf8').replace(/^--.*$/gm, '');
    const present = await this.query<{ name: string }>('SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()');
    const missing = ddl.split(';').filter((statement) => {
      const table = /^\s*CREATE (?:TABLE|(?:UNIQUE )?INDEX \w+ ON) (\w+)/.exec(statement)?.[1];
      return table !== undefined && !present.some(({ name }) => name === table);
    });
    for (const statement of missing) await this.query(statement);
  }
}

async function run<R>(on: Pool | PoolClient, sql: string, values: readonly unknown[]): Promise<R[]> {
  try {
    const { rows } = await on.query<R & Row>(sql, [...values]);
    return rows;
  } catch (error) {
    throw new StatementFailed(error as Error, sql, values);
  }
}

/**
 * Text for a column that is `text` in one variant of the schema and `bytea` in the other: sent as bytes, both take it for UTF-8.
 * What comes back is a string or a buffer, and `String(…)` makes the text of either.
 */
export const bytes = (text: string): Buffer => Buffer.from(text);
