import type { Database } from '../database/database';
import { sql } from '../database/sql';

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

/** The dead letters of one schema. */
export class DeadLetters {
  constructor(private readonly database: Database) {}

  /** The oldest first. */
  list(limit = 100): Promise<DeadLetter[]> {
    return this.database.query<DeadLetter>(sql`
      SELECT subscription, event_id, event->>'name' AS event_name, attempts, error, failed_at
      FROM redeliveries WHERE state = 'dead' ORDER BY failed_at, event_id LIMIT ${limit}`);
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
