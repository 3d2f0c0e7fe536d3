import type { Queryable } from '../prepare/inspect';

/** What waits for a user in the monolith's memory. @throws Error if it does not answer */
export type Pending = (userId: string) => Promise<readonly { readonly id: string }[]>;

const RECIPIENTS_AT_ONCE = 8;
const PAGE = 500;
const NOBODY = '00000000-0000-0000-0000-000000000000';

/**
 * How many messages wait in our queue and not in the monolith's memory, by asking it for each recipient: what new code has accepted, and
 * what it has lost with its process. They would wait in no queue if ours were taken away now.
 *
 * @param database prepared, where messaging is at home
 * @throws Error if the monolith does not answer
 */
export async function countOnlyHere(database: Queryable, pending: Pending): Promise<number> {
  let count = 0;
  for (let after = NOBODY; ;) {
    const { rows } = await database.query<{ recipient_id: string; ids: string[] }>(
      `SELECT recipient_id::text, array_agg(message_id::text) AS ids FROM banyan_message.deliveries
       WHERE acknowledged_at IS NULL AND expires_at > now() AND recipient_id > $1
       GROUP BY recipient_id ORDER BY recipient_id LIMIT ${PAGE}`,
      [after],
    );
    if (rows.length === 0) return count;
    after = rows.at(-1)!.recipient_id;
    while (rows.length > 0) {
      const asked = rows.splice(0, RECIPIENTS_AT_ONCE).map(async ({ recipient_id, ids }) => {
        const there = new Set((await pending(recipient_id)).map(({ id }) => id));
        return ids.filter((id) => !there.has(id)).length;
      });
      for (const missing of await Promise.all(asked)) count += missing;
    }
  }
}
