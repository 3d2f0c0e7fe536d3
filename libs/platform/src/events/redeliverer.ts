import type { Database } from '../database/database';
import { Lease } from './lease';
import { LeasedLoop } from './leased-loop';
import type { PublisherOptions } from './publisher';
import type { Redeliveries } from './redeliveries';
import type { Runner } from './runner';
import type { Delivered } from './stored-event';

/** Gives failed events to their handlers again when their time has come. One process per schema at a time, like the publisher. */
export class Redeliverer {
  private readonly lease: Lease;
  private readonly loop: LeasedLoop;
  private readonly batchSize: number;

  constructor(
    database: Database,
    private readonly redeliveries: Redeliveries,
    private readonly runner: Runner,
    options: PublisherOptions = {},
  ) {
    this.batchSize = options.batchSize ?? 50;
    this.lease = new Lease(database, 'redeliveries', options.leaseMs);
    this.loop = new LeasedLoop(this.lease, () => this.redeliver(), options.tickMs);
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async redeliver(): Promise<void> {
    const due = await this.redeliveries.due(this.runner.subscriptionNames, this.batchSize);
    if (!this.lease.isHeld) return;
    await Promise.all(due.map((delivered) => this.attempt(delivered)));
    if (due.length === this.batchSize) this.loop.wake();
  }

  private async attempt(delivered: Delivered): Promise<void> {
    try {
      await this.runner.run(delivered);
    } catch (error) {
      return this.redeliveries.failed(delivered, error, this.lease);
    }
    await this.redeliveries.succeeded(delivered, this.lease);
  }
}
