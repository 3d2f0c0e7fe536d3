import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import type { EventDefinition } from '../contract/event';
import type { z } from 'zod';
import type { Database, Transaction } from '../database/database';
import { sql } from '../database/sql';
import type { Lease } from './lease';
import type { StoredEvent } from './stored-event';

/** An event that is about to be written; made by `Outbox.draft`, which has checked the data. */
export interface OutboxDraft {
  readonly id: string;
  readonly name: string;
  readonly key: string | null;
  readonly payload: string;
  readonly trace: string | null;
}

export interface OutboxRow extends StoredEvent {
  readonly position: number;
}

/** How long a wake-up waits for others to join it. A lost one costs a second, the publisher's sweep. */
const wakeIntervalMs = 25;

/** A domain's announcements, written in the transaction of the change they announce. */
export class Outbox {
  private isWaking = false;
  private wakeAgain = false;
  private readonly outsideOfAnyCall = AsyncLocalStorage.snapshot();

  constructor(
    private readonly database: Database,
    private readonly options: { readonly traceOf?: () => string | undefined } = {},
  ) {}

  /** @throws ZodError if the data is not what the event promises */
  async add<S extends z.ZodType>(
    tx: Transaction,
    event: EventDefinition<S>,
    data: z.input<S>,
    { key }: { key?: string } = {},
  ): Promise<void> {
    await this.addAll(tx, [this.draft(event, data, { key })]);
  }

  /** Several in one statement, in this order. */
  async addAll(tx: Transaction, drafts: readonly OutboxDraft[]): Promise<void> {
    const column = <K extends keyof OutboxDraft>(name: K) => drafts.map((draft) => draft[name]);
    await tx.query(sql`
      INSERT INTO outbox (id, name, key, payload, trace)
      SELECT * FROM unnest(
        ${column('id')}::uuid[], ${column('name')}::text[], ${column('key')}::text[], ${column('payload')}::json[], ${column('trace')}::text[])`);
    tx.onCommit(() => this.wake());
  }

  /** For a statement of a store's own that writes a row and its event at once; `wake` follows the commit. */
  draft<S extends z.ZodType>(event: EventDefinition<S>, data: z.input<S>, { key }: { key?: string } = {}): OutboxDraft {
    return {
      id: uuidv7(),
      name: event.name,
      key: key ?? null,
      payload: JSON.stringify(event.schema.parse(data)),
      trace: this.options.traceOf?.() ?? null,
    };
  }

  /**
   * Tells the publisher, wherever it runs, that something was committed. Not NOTIFY inside the transaction: that makes all
   * committing sessions of a database queue for one lock, and they could no longer share a flush of the log.
   */
  wake(): void {
    this.wakeAgain = true;
    if (this.isWaking) return;
    this.isWaking = true;
    void this.outsideOfAnyCall(() => this.notify());
  }

  private async notify(): Promise<void> {
    while (this.wakeAgain) {
      this.wakeAgain = false;
      // Without a database there is nothing to be woken for.
      await this.database.query(sql`SELECT pg_notify(current_schema() || '_outbox', '')`).catch(() => undefined);
      await sleep(wakeIntervalMs);
    }
    this.isWaking = false;
  }

  /** The oldest events behind `position`, in order. */
  after(position: number, limit: number): Promise<OutboxRow[]> {
    return this.database.query(sql`
      SELECT position, id, name, key, payload AS data, trace, created_at AS occurred_at
      FROM outbox WHERE position > ${position} ORDER BY position LIMIT ${limit}`);
  }

  /** Only for the holder of the lease. @returns false if that is someone else by now; then nothing was removed */
  async remove(ids: readonly string[], positions: readonly number[], lease: Lease): Promise<boolean> {
    const [held] = await this.database.query<{ held: boolean }>(sql`
      WITH holder AS (SELECT FROM leases WHERE job = ${lease.job} AND epoch = ${lease.epoch} FOR SHARE),
           gone AS (DELETE FROM outbox WHERE position = ANY (${positions}::bigint[]) AND id = ANY (${ids}::uuid[]) AND EXISTS (SELECT FROM holder))
      SELECT EXISTS (SELECT FROM holder) AS held`);
    return held?.held ?? false;
  }

  /** How many events wait, counted up to 100,000. */
  async pending(): Promise<number> {
    const [row] = await this.database.query<{ pending: number }>(sql`
      SELECT count(*) AS pending FROM (SELECT FROM outbox LIMIT 100000) AS waiting`);
    return row?.pending ?? 0;
  }

  /** How long the first one has waited; 0 when none does. */
  async oldestAgeMs(): Promise<number> {
    const [row] = await this.database.query<{ age: number }>(sql`
      SELECT greatest(0, extract(epoch FROM clock_timestamp() - created_at) * 1000)::float8 AS age FROM outbox ORDER BY position LIMIT 1`);
    return row?.age ?? 0;
  }
}
