import type { Queryable } from '../prepare/inspect';

/** What a process of the monolith takes with it when it dies, and what it does not. */
export interface QueueReport {
  /** Messages in its memory that wait in our queue as well. */
  readonly kept: number;
  /** Stored in the time for which it queues, in no queue of ours, and read by nobody. */
  readonly unqueued: { readonly count: number; readonly newest: string | null; readonly examples: readonly string[] };
}

const EXAMPLES = 5;

/**
 * Nobody can ask a dead process what it had queued. What hosts have brought to it is in our queue as well; what came before them, or past
 * them, has nothing but its row. Those of these rows whose recipients may not have got them are counted: what is lost is among them.
 *
 * @param database prepared, where messaging is at home
 */
export async function reportQueue(database: Queryable): Promise<QueueReport> {
  const { rows } = await database.query<{ kept: string; count: string; newest: string | null; examples: string[] | null }>(`
    WITH unqueued AS (
      SELECT id, created_at FROM public.messages m
      WHERE created_at > (now() AT TIME ZONE 'UTC') - interval '7 days' AND is_read IS NOT TRUE
        AND NOT EXISTS (SELECT FROM banyan_message.deliveries WHERE message_id = m.id)
    )
    SELECT
      (SELECT count(*) FROM banyan_message.deliveries WHERE adopted AND acknowledged_at IS NULL AND expires_at > now()) AS kept,
      (SELECT count(*) FROM unqueued) AS count,
      (SELECT to_char(max(created_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM unqueued) AS newest,
      (SELECT array_agg(id::text) FROM (SELECT id FROM unqueued ORDER BY created_at DESC LIMIT ${EXAMPLES}) AS latest) AS examples`);
  const { kept, count, newest, examples } = rows[0]!;
  return { kept: Number(kept), unqueued: { count: Number(count), newest, examples: examples ?? [] } };
}
