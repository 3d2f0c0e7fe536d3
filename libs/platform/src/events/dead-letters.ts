import type { Database } from '../database/database';
import { sql } from '../database/sql';
import type { StoredEvent } from './stored-event';

/** An event that one subscription could not handle in all its attempts. */
export interface DeadLetter {
  readonly subscription: string;
  readonly event_id: string;
  readonly event_name: string;
  readonly attempts: number;
  /** Class and code of the last error, without contents. */
  readonly error: string;
  readonly failed_at: string;
}

/** What is known of dead letters, wherever they lie. */
export interface DeadLetterBox {
  /** The oldest first. */
  list(limit?: number): Promise<DeadLetter[]>;
  /** Lets an event, or all, be tried again from the beginning, by each subscription that gave it up. @returns how many were */
  replay(eventId: string | 'all'): Promise<number>;
}

/** The dead letters of one schema. */
export class DeadLetters implements DeadLetterBox {
  constructor(private readonly database: Database) {}

  /** The oldest first. */
  async list(limit = 100): Promise<DeadLetter[]> {
    // The event is taken apart here: PostgreSQL's `->>` refuses JSON with a NUL or a lone surrogate, and one row would hide all others.
    const rows = await this.database.query<Omit<DeadLetter, 'event_name'> & { event: StoredEvent }>(sql`
      SELECT subscription, event_id, event, attempts, error, failed_at
      FROM redeliveries WHERE state = 'dead' ORDER BY failed_at, event_id LIMIT ${limit}`);
    return rows.map(({ event, ...letter }) => ({ ...letter, event_name: event.name }));
  }

  /** Lets an event, or all, be tried again from the beginning, within a second. @returns how many */
  async replay(eventId: string | 'all'): Promise<number> {
    const chosen = eventId === 'all' ? null : eventId;
    const rows = await this.database.query(sql`
      UPDATE redeliveries SET state = 'retry', attempts = 0, next_at = now()
      WHERE state = 'dead' AND (${chosen}::uuid IS NULL OR event_id = ${chosen}::uuid) RETURNING event_id`);
    return rows.length;
  }
}
