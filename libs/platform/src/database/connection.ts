import type { Pool, PoolClient, QueryResult } from 'pg';
import type { Statement } from './sql';
import { classify, DatabaseUnavailable } from './errors';

/** Callers waiting for a connection beyond this are refused at once: they could not be served in time anyway. */
const maxWaiting = 2_000;

/** A connection taken out of the pool. Whatever goes wrong on it, nobody waits past the deadline, and a doubtful one is not put back. */
export class Connection {
  private broken = false;

  private constructor(private readonly client: PoolClient) {}

  /** @throws DatabaseUnavailable `no` when there is none by `deadline` (milliseconds since 1970) */
  static open(pool: Pool, deadline: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const waitMs = deadline - Date.now();
      if (waitMs <= 0 || pool.waitingCount >= maxWaiting) return reject(new DatabaseUnavailable('no'));
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        reject(new DatabaseUnavailable('no'));
      }, waitMs);
      pool.connect((error, client) => {
        clearTimeout(timer);
        // The pool cannot be told that a caller has left; what comes too late goes straight back.
        if (isLate) return client?.release();
        if (error !== undefined || client === undefined) return reject(new DatabaseUnavailable('no', error));
        resolve(new Connection(client));
      });
    });
  }

  /** @throws the driver's error; one about time when there is no answer by `deadline` */
  async run(statement: Statement<unknown> | string, deadline: number): Promise<QueryResult> {
    const query_timeout = deadline - Date.now();
    // Only a statement that was sent makes a connection doubtful.
    if (query_timeout <= 0) throw new DatabaseUnavailable('no');
    const query =
      typeof statement === 'string'
        ? { text: statement, query_timeout }
        : { name: statement.name, text: statement.text, values: statement.values as unknown[], query_timeout };
    try {
      return await this.client.query(query);
    } catch (error) {
      const failure = classify(error);
      if (failure === 'lost' || failure === 'stale' || failure === 'refused') this.broken = true;
      throw error;
    }
  }

  /** Nothing more can be said on it. */
  get isBroken(): boolean {
    return this.broken;
  }

  /** Ends the connection instead of putting it back: the server rolls back whatever is open on it. */
  discard(): void {
    this.broken = true;
  }

  close(): void {
    this.client.release(this.broken);
  }
}
