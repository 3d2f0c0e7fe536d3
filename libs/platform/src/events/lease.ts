import { randomUUID } from 'node:crypto';
import type { Database } from '../database/database';
import { sql } from '../database/sql';

/**
 * The right to do a job that only one process may do in a schema at a time. Time is the database's; a holder that was frozen finds
 * out in two ways: its own clock tells it to stop, and a statement that names its epoch no longer has an effect.
 */
export class Lease {
  /** Rises with every new holder; 0 is nobody's. */
  epoch = 0;
  private readonly owner = randomUUID();
  private heldUntil = 0;
  /** Where it was taken: an epoch of one home says nothing at another. */
  private place: object | undefined;

  constructor(
    private readonly database: Database,
    readonly job: string,
    private readonly ttlMs = 3_000,
  ) {}

  /** As far as this process can know without asking. */
  get isHeld(): boolean {
    return this.epoch !== 0 && performance.now() < this.heldUntil && this.place === this.database.place;
  }

  /** Takes the lease if it is free, renews it if it is ours. @returns whether it is ours now; throws DatabaseUnavailable */
  async take(): Promise<boolean> {
    // Counted from before the question: the database's three seconds began later.
    const asked = performance.now();
    const { place } = this.database;
    // An expired lease that nobody else took is renewed, not taken anew.
    const [row] = await this.database.query<{ epoch: number }>(
      sql`
        INSERT INTO leases AS held (job, owner, epoch, until)
        VALUES (${this.job}, ${this.owner}, 1, clock_timestamp() + ${this.ttlMs} * interval '1 millisecond')
        ON CONFLICT (job) DO UPDATE
          SET owner = excluded.owner, until = excluded.until, epoch = held.epoch + CASE WHEN held.owner = excluded.owner THEN 0 ELSE 1 END
          WHERE held.owner = excluded.owner OR held.until < clock_timestamp()
        RETURNING epoch`,
      { deadline: Date.now() + this.ttlMs },
    );
    this.epoch = row?.epoch ?? 0;
    this.place = place;
    this.heldUntil = row === undefined ? 0 : asked + this.ttlMs;
    return this.isHeld;
  }

  /** Lets the next one begin at once. */
  async release(): Promise<void> {
    const { epoch } = this;
    this.heldUntil = 0;
    this.epoch = 0;
    if (epoch === 0) return;
    await this.database.query(
      sql`UPDATE leases SET until = '-infinity' WHERE job = ${this.job} AND epoch = ${epoch} AND owner = ${this.owner}`,
      {
        deadline: Date.now() + this.ttlMs,
      },
    );
  }
}
