import type { Database } from '../database/database';
import { sql } from '../database/sql';
import type { Lease } from './lease';

/** Rows that one statement moves or deletes. */
const step = 5_000;
const sweepIntervalMs = 60_000;

/**
 * The events of one schema that a broker has confirmed, kept while they may still be in its queues: a broker that comes back empty gets
 * them again, and `inbox` makes that harmless.
 */
export class Published {
  private sweptAt = -Infinity;

  constructor(
    private readonly database: Database,
    /** An event that waits longer in a queue, because its subscriber is away or fails, is lost with the broker's data. */
    private readonly keepMs = 900_000,
  ) {}

  /** From the outbox to here, only for the holder of its lease. @returns false if that is someone else by now; then nothing was moved */
  async take(ids: readonly string[], positions: readonly number[], lease: Lease): Promise<boolean> {
    const [held] = await this.database.query<{ held: boolean }>(sql`
      WITH holder AS (SELECT FROM leases WHERE job = ${lease.job} AND epoch = ${lease.epoch} FOR SHARE),
           gone AS (DELETE FROM outbox WHERE position = ANY (${positions}::bigint[]) AND id = ANY (${ids}::uuid[]) AND EXISTS (SELECT FROM holder)
                    RETURNING position, id, name, key, payload, trace, created_at),
           kept AS (INSERT INTO published (position, id, name, key, payload, trace, created_at)
                    SELECT position, id, name, key, payload, trace, created_at FROM gone)
      SELECT EXISTS (SELECT FROM holder) AS held`);
    return held?.held ?? false;
  }

  /** All of them back to the outbox, in their old order. May be interrupted and repeated. @returns how many */
  async restore(): Promise<number> {
    for (let restored = 0; ;) {
      const rows = await this.database.query(sql`
        WITH back AS (DELETE FROM published WHERE position IN (SELECT position FROM published ORDER BY position LIMIT ${step} FOR UPDATE)
                      RETURNING position, id, name, key, payload, trace, created_at)
        INSERT INTO outbox (position, id, name, key, payload, trace, created_at) OVERRIDING SYSTEM VALUE
        SELECT position, id, name, key, payload, trace, created_at FROM back RETURNING position`);
      restored += rows.length;
      if (rows.length < step) return restored;
    }
  }

  /** Forgets those that are older than is kept; looks once a minute, however often it is called. @returns how many */
  async sweep(): Promise<number> {
    if (performance.now() - this.sweptAt < sweepIntervalMs) return 0;
    this.sweptAt = performance.now();
    for (let swept = 0; ;) {
      const rows = await this.database.query(sql`
        DELETE FROM published WHERE position IN (
          SELECT position FROM (SELECT position, published_at FROM published ORDER BY position LIMIT ${step}) AS oldest
          WHERE published_at < now() - ${this.keepMs} * interval '1 millisecond')
        RETURNING position`);
      swept += rows.length;
      if (rows.length < step) return swept;
    }
  }
}
