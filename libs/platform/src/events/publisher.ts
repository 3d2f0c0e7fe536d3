import type { Database } from '../database/database';
import { Lease } from './lease';
import { LeasedLoop } from './leased-loop';
import { Listener } from './listener';
import type { Outbox, OutboxRow } from './outbox';
import type { Published } from './published';
import type { Transport } from './stored-event';

export interface PublisherOptions {
  readonly batchSize?: number;
  readonly tickMs?: number;
  readonly leaseMs?: number;
}

/** After so many full batches the loop looks around: is the lease still held, is a sweep due, is the process stopping. */
const batchesPerRound = 20;

/**
 * Takes the events of one schema from its outbox to a transport, in order, at least once. Many processes may have one; the holder
 * of the lease works. An event leaves the outbox after the transport has it, by a statement that requires the lease's epoch.
 */
export class Publisher {
  private readonly lease: Lease;
  private readonly loop: LeasedLoop;
  private readonly listener: Listener;
  private readonly batchSize: number;
  /** All up to here were handed over or are parked. A transaction that commits late can write below it; the sweep finds that. */
  private position = 0;
  /** Events that the transport could not take wait at the head. */
  private hasParked = false;

  constructor(
    database: Database,
    private readonly outbox: Outbox,
    private readonly transport: Transport,
    options: PublisherOptions = {},
    /** Keeps them; without it they are deleted. */
    private readonly published?: Published,
  ) {
    this.batchSize = options.batchSize ?? 500;
    this.lease = new Lease(database, 'outbox', options.leaseMs);
    this.loop = new LeasedLoop(this.lease, (isSweep) => this.publish(isSweep), options.tickMs);
    this.listener = new Listener(database, () => this.loop.wake(), { topic: 'outbox', retryMs: options.tickMs });
  }

  start(): void {
    this.loop.start();
    this.listener.start();
  }

  /** Finishes the batch under way; what is left is the next holder's. */
  async stop(): Promise<void> {
    this.listener.stop();
    await this.loop.stop();
  }

  private async publish(isSweep: boolean): Promise<void> {
    // New events of a key must not overtake its parked ones, so until the next sweep nothing is taken.
    if (this.hasParked && !isSweep) return;
    if (isSweep) {
      this.position = 0;
      this.hasParked = false;
      await this.published?.sweep();
      await this.transport.prepare?.();
    }
    for (let batches = 0; batches < batchesPerRound && !this.loop.isStopping; batches++) {
      const rows = await this.outbox.after(this.position, this.batchSize);
      if (rows.length === 0) return;
      // Frozen while reading? Then someone else may have handed these over by now.
      if (!this.lease.isHeld) return;
      const { length } = rows;
      const taken = new Set((await this.transport.deliver(rows)).map(({ id }) => id));
      const gone = rows.filter(({ id }) => taken.has(id));
      if (gone.length > 0 && !(await this.remove(gone))) return;
      this.hasParked ||= gone.length < length;
      if (this.hasParked && this.transport.mustTakeInOrder === true) return;
      this.position = rows[length - 1]?.position ?? this.position;
      if (length < this.batchSize) return;
    }
    this.loop.wake();
  }

  private remove(rows: readonly OutboxRow[]): Promise<boolean> {
    const ids = rows.map(({ id }) => id);
    const positions = rows.map(({ position }) => position);
    return this.published === undefined ? this.outbox.remove(ids, positions, this.lease) : this.published.take(ids, positions, this.lease);
  }
}
