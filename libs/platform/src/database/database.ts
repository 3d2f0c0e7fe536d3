import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Pool } from 'pg';
import type { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { Connection } from './connection';
import { classify, DatabaseUnavailable, type Failure } from './errors';
import type { Statement } from './sql';

export interface Queryable {
  /** @throws DatabaseUnavailable; errors of the statement itself as the driver gives them (`code` is the SQLSTATE) */
  query<Row>(statement: Statement<Row>): Promise<Row[]>;
}

/** Everything through it happens together or not at all. After a statement has failed nothing more can be done with it. */
export interface Transaction extends Queryable {
  /** Called once, after the commit. For hints that may be lost, such as waking someone; a crash skips it. */
  onCommit(callback: () => void): void;
}

export interface DatabaseOptions {
  /** When the current caller stops waiting (milliseconds since 1970). */
  readonly deadlineOf?: () => number | undefined;
  /** The longest that anything waits when the caller names no deadline; above the server's `statement_timeout`, which answers first. */
  readonly limitMs?: number;
  /** Whether the home is the legacy database at this moment. */
  readonly isLegacy?: () => boolean;
}

export interface Bounds {
  /** Milliseconds since 1970, in place of the caller's. */
  readonly deadline?: number;
}

const maxAttempts = 6;

/**
 * A domain's database. Which one that is (its own, or the legacy one with the same schema made of views) is asked anew for each
 * attempt, so a store does not know. READ COMMITTED; serialisation failures and deadlocks (40001, 40P01) are repeated with jitter.
 */
export class Database {
  constructor(
    private readonly home: () => DataSource,
    private readonly options: DatabaseOptions = {},
  ) {}

  /** One statement in a transaction of its own. @throws as `Queryable.query`; a connection lost under way leaves as `maybe` */
  query<Row>(statement: Statement<Row>, bounds?: Bounds): Promise<Row[]> {
    return this.repeat(bounds, async (deadline) => {
      const connection = await Connection.open(this.pool(), deadline);
      try {
        return (await connection.run(statement, deadline)).rows as Row[];
      } catch (error) {
        const failure = classify(error);
        if (failure === 'lost') throw new DatabaseUnavailable('maybe', error);
        throw fromStatement(failure, error);
      } finally {
        connection.close();
      }
    });
  }

  /**
   * Runs `work` and commits; an error of `work` rolls back and is passed on. `work` is run again after a conflict or a connection
   * lost before the commit, so it must have no effect outside the transaction.
   *
   * @throws DatabaseUnavailable, `maybe` only if the commit was sent and not answered
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>, bounds?: Bounds): Promise<T> {
    return this.repeat(bounds, async (deadline) => {
      const connection = await Connection.open(this.pool(), deadline);
      const tx = new OpenTransaction(connection, deadline);
      let result: T;
      try {
        await tx.begin();
        try {
          result = await work(tx);
        } catch (error) {
          await tx.rollback();
          throw error;
        }
        await tx.commit();
      } catch (error) {
        // A lost or conflicting statement decides, even if the work turned its error into another one.
        const failure = tx.failure === undefined ? 'other' : classify(tx.failure);
        throw failure === 'other' ? error : fromStatement(failure, tx.failure);
      } finally {
        connection.close();
      }
      tx.committed();
      return result;
    });
  }

  /** Legacy's own program reads and writes the same rows: they have to be in its form. */
  get isLegacy(): boolean {
    return this.options.isLegacy?.() ?? false;
  }

  /** Equal as long as the home is the same; undefined while there is none. What was learnt at another one means nothing here. */
  get place(): object | undefined {
    try {
      return this.pool();
    } catch (error) {
      if (error instanceof DatabaseUnavailable) return undefined;
      throw error;
    }
  }

  /** A connection of its own with the same settings, not connected yet: for LISTEN, which a pool cannot serve. */
  client(): Client {
    return new Client(this.pool().options);
  }

  private pool(): Pool {
    // TypeORM owns connections and migrations; statements take its pool directly (docs/adr/0002-sql-not-entities.md).
    const pool = (this.home().driver as PostgresDriver).master as Pool | undefined;
    if (pool === undefined) throw new DatabaseUnavailable('no');
    return pool;
  }

  private async repeat<T>(bounds: Bounds | undefined, attempt: (deadline: number) => Promise<T>): Promise<T> {
    const limit = Date.now() + (this.options.limitMs ?? 12_000);
    const deadline = Math.min(bounds?.deadline ?? this.options.deadlineOf?.() ?? limit, limit);
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt(deadline);
      } catch (error) {
        if (!(error instanceof Again)) throw error;
        const waitMs = Math.random() * 5 * 2 ** attempts;
        if (attempts === maxAttempts || Date.now() + waitMs >= deadline) throw new DatabaseUnavailable('no', error.cause);
        await sleep(waitMs);
      }
    }
  }
}

/** Nothing was changed, and the same thing may succeed now. */
class Again extends Error {}

/** Of a statement of which it is certain that nothing was committed. */
function fromStatement(failure: Failure, cause: unknown): unknown {
  if (failure === 'other') return cause;
  return failure === 'refused' ? new DatabaseUnavailable('no', cause) : new Again('again', { cause });
}

class OpenTransaction implements Transaction {
  /** The first error of a statement. PostgreSQL refuses everything after it, and would answer COMMIT with a silent rollback. */
  failure: unknown;
  private last: Promise<unknown> = Promise.resolve();
  private readonly callbacks: (() => void)[] = [];
  private hasEnded = false;

  constructor(
    private readonly connection: Connection,
    private readonly deadline: number,
  ) {}

  async begin(): Promise<void> {
    await this.run('BEGIN');
  }

  query<Row>(statement: Statement<Row>): Promise<Row[]> {
    if (this.hasEnded) return Promise.reject(new Error('This transaction has ended: a query was not awaited'));
    // One after the other, also when the work asks for several at once: the protocol cannot do otherwise.
    const rows = this.last.then(async () => (await this.run(statement)).rows as Row[]);
    this.last = rows.catch(() => undefined);
    return rows;
  }

  onCommit(callback: () => void): void {
    this.callbacks.push(callback);
  }

  /** @throws DatabaseUnavailable `maybe` if the answer to COMMIT does not arrive */
  async commit(): Promise<void> {
    await this.end();
    // The work went on after a failed statement; there is nothing to commit.
    if (this.failure !== undefined) {
      await this.rollback();
      throw this.failure;
    }
    try {
      await this.connection.run('COMMIT', this.deadline);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) return this.tooLate(error);
      if (classify(error) === 'lost') throw new DatabaseUnavailable('maybe', error);
      this.failure = error;
      throw error;
    }
  }

  async rollback(): Promise<void> {
    await this.end();
    if (this.connection.isBroken) return;
    try {
      // Short even if the deadline is far or over: discarding the connection rolls back just as well.
      await this.connection.run('ROLLBACK', Date.now() + 1_000);
    } catch {
      this.connection.discard();
    }
  }

  committed(): void {
    for (const callback of this.callbacks) callback();
  }

  private async end(): Promise<void> {
    await this.last;
    this.hasEnded = true;
  }

  private async tooLate(error: DatabaseUnavailable): Promise<never> {
    await this.rollback();
    throw error;
  }

  private async run(statement: Statement<unknown> | string) {
    if (this.failure !== undefined) throw this.failure;
    try {
      return await this.connection.run(statement, this.deadline);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}
