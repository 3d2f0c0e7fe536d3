import type { Database, Transaction } from '../database/database';
import { sql } from '../database/sql';
import type { Delivered } from './stored-event';

/** Which events have had their effect on a domain's data. */
export class Inbox {
  constructor(private readonly database: Database) {}

  /**
   * Runs `effect` unless this subscription has had this event. Effect and memory are one transaction, and repeats at the same time
   * wait for each other, so it happens once however often the event comes.
   *
   * @returns what the effect returned; undefined for a repeat
   */
  once<T>(delivered: Pick<Delivered, 'id' | 'subscription'>, effect: (tx: Transaction) => Promise<T>): Promise<T | undefined> {
    return this.database.transaction(async (tx) => {
      const [isNew] = await tx.query(sql`
        INSERT INTO inbox (subscription, event_id) VALUES (${delivered.subscription}, ${delivered.id}) ON CONFLICT DO NOTHING RETURNING event_id`);
      return isNew === undefined ? undefined : effect(tx);
    });
  }

  /** Forgets what can no longer come again: an outbox or queue holds an event for days at most. @returns how many */
  async sweep(keepDays = 14): Promise<number> {
    for (let swept = 0; ;) {
      const rows = await this.database.query(sql`
        DELETE FROM inbox WHERE (subscription, event_id) IN (
          SELECT subscription, event_id FROM inbox WHERE received_at < now() - ${keepDays} * interval '1 day'
          ORDER BY received_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
        RETURNING event_id`);
      swept += rows.length;
      if (rows.length < 1_000) return swept;
    }
  }
}
