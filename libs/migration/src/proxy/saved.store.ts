import type { Database } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';

/** Of one operation. */
export interface Saved {
  readonly operation: string;
  readonly count: number;
  readonly last_at: string;
  /** Of the last message that was confirmed and not stored. */
  readonly last_id: string;
}

/** Schema `banyan_host`: acknowledgements of the monolith that were not passed on, of all processes together. */
export class SavedStore {
  constructor(private readonly host: Database) {}

  async count(operation: string, messageId: string): Promise<void> {
    await this.host.query(
      sql`
        INSERT INTO banyan_host.saved_acknowledgements AS saved (operation, count, last_at, last_id)
        VALUES (${operation}, 1, clock_timestamp(), ${messageId})
        ON CONFLICT (operation) DO UPDATE SET count = saved.count + 1, last_at = excluded.last_at, last_id = excluded.last_id`,
      { deadline: Date.now() + 1_000 },
    );
  }

  list(): Promise<Saved[]> {
    return this.host.query<Saved>(
      sql`SELECT operation, count, last_at, last_id FROM banyan_host.saved_acknowledgements ORDER BY operation`,
    );
  }
}
