import type { Database } from '../../database/database';
import { sql } from '../../database/sql';
import { Lease } from '../lease';
import { LeasedLoop } from '../leased-loop';
import type { PublisherOptions } from '../publisher';
import type { StoredEvent } from '../stored-event';
import { BrokerUnavailable } from './broker-unavailable';
import { type Redelivery, undeliveredEvent } from './redelivery';

interface Row {
  readonly subscription: string;
  readonly event: StoredEvent;
  readonly state: 'retry' | 'dead';
  readonly attempts: number;
  readonly error: string;
  readonly failed_at: string;
}

/**
 * Brings the failures that the in-process form has kept in a schema to the broker: those to be tried again to their subscription, the
 * dead to the dead letters. Under the lease of the in-process redeliverer, so a process that still works that way does not do both.
 */
export class LeftBehind {
  private readonly lease: Lease;
  private readonly loop: LeasedLoop;
  private readonly batchSize: number;

  constructor(
    private readonly database: Database,
    private readonly redelivery: Redelivery,
    options: PublisherOptions = {},
  ) {
    this.batchSize = options.batchSize ?? 100;
    this.lease = new Lease(database, 'redeliveries', options.leaseMs);
    this.loop = new LeasedLoop(this.lease, () => this.bring(), options.tickMs);
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async bring(): Promise<void> {
    const rows = await this.database.query<Row>(sql`
      SELECT subscription, event, state, attempts, error, failed_at
      FROM redeliveries ORDER BY failed_at, event_id LIMIT ${this.batchSize}`);
    if (!this.lease.isHeld) return;
    const brought = await Promise.all(rows.map((row) => this.bringOne(row)));
    if (rows.length === this.batchSize && brought.every(Boolean)) this.loop.wake();
  }

  /** @returns whether the broker has it */
  private async bringOne({ subscription, event, state, attempts, error, failed_at }: Row): Promise<boolean> {
    const undelivered = undeliveredEvent(event, subscription, attempts);
    try {
      await (state === 'dead' ? this.redelivery.dead(undelivered, error, failed_at) : this.redelivery.now(undelivered));
    } catch (away) {
      if (!(away instanceof BrokerUnavailable)) throw away;
      return false;
    }
    await this.database.query(sql`
      DELETE FROM redeliveries WHERE subscription = ${subscription} AND event_id = ${event.id} AND attempts = ${attempts}
        AND EXISTS (SELECT FROM leases WHERE job = ${this.lease.job} AND epoch = ${this.lease.epoch})`);
    return true;
  }
}
