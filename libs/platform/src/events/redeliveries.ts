import type { Database } from '../database/database';
import { sql } from '../database/sql';
import type { Lease } from './lease';
import type { Delivered, StoredEvent } from './stored-event';

export interface RetryOptions {
  /** Including the first; then the event is dead. */
  readonly maxAttempts?: number;
  /** Before the second attempt; doubles up to `maxDelayMs`. */
  readonly firstDelayMs?: number;
  readonly maxDelayMs?: number;
}

/** Events whose handler failed, kept in a schema until it succeeds or they are dead. */
export class Redeliveries {
  constructor(
    private readonly database: Database,
    private readonly options: RetryOptions = {},
  ) {}

  /** After the first attempt. A repeat of that changes nothing. @throws DatabaseUnavailable: then the event must stay where it is */
  async record(subscription: string, event: StoredEvent, error: unknown): Promise<void> {
    const { state, delayMs } = this.fate(1);
    await this.database.query(sql`
      INSERT INTO redeliveries (subscription, event_id, event, state, attempts, next_at, error)
      VALUES (${subscription}, ${event.id}, ${JSON.stringify(eventOf(event))}, ${state}, 1, now() + ${delayMs} * interval '1 millisecond', ${errorName(error)})
      ON CONFLICT DO NOTHING`);
  }

  /** Those whose time has come, of subscriptions that this process has. */
  async due(subscriptions: readonly string[], limit: number): Promise<Delivered[]> {
    const rows = await this.database.query<{ subscription: string; event: StoredEvent; attempts: number }>(sql`
      SELECT subscription, event, attempts FROM redeliveries
      WHERE state = 'retry' AND next_at <= now() AND subscription = ANY (${subscriptions}) ORDER BY next_at LIMIT ${limit}`);
    return rows.map(({ subscription, event, attempts }) => ({ ...event, subscription, attempt: attempts + 1 }) as Delivered);
  }

  async succeeded({ subscription, id, attempt }: Delivered, lease: Lease): Promise<void> {
    await this.database.query(sql`
      DELETE FROM redeliveries WHERE subscription = ${subscription} AND event_id = ${id} AND attempts = ${attempt - 1}
        AND EXISTS (SELECT FROM leases WHERE job = ${lease.job} AND epoch = ${lease.epoch})`);
  }

  async failed({ subscription, id, attempt }: Delivered, error: unknown, lease: Lease): Promise<void> {
    const { state, delayMs } = this.fate(attempt);
    await this.database.query(sql`
      UPDATE redeliveries SET state = ${state}, attempts = ${attempt}, error = ${errorName(error)}, failed_at = now(),
        next_at = now() + ${delayMs} * interval '1 millisecond'
      WHERE subscription = ${subscription} AND event_id = ${id} AND attempts = ${attempt - 1}
        AND EXISTS (SELECT FROM leases WHERE job = ${lease.job} AND epoch = ${lease.epoch})`);
  }

  /** Half of the delay is chance, so that what failed together does not come back together. */
  private fate(attempts: number): { state: 'retry' | 'dead'; delayMs: number } {
    const { maxAttempts = 12, firstDelayMs = 1_000, maxDelayMs = 300_000 } = this.options;
    const delayMs = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
    return { state: attempts >= maxAttempts ? 'dead' : 'retry', delayMs };
  }
}

/** Without what belongs to one delivery or to the outbox. */
function eventOf({ id, name, key, data, trace, occurred_at }: StoredEvent): StoredEvent {
  return { id, name, key, data, trace, occurred_at };
}

/** An error's message may quote what a user wrote; its class and code do not. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? `${error.name} ${error.code}` : error.name;
}
