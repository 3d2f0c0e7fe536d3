import { setTimeout as pause } from 'node:timers/promises';
import { type DomainEntry, domains } from '@banyan/domains';
import type { DatabaseName } from '@banyan/platform/config/databases';
import { withClient } from '../support/database';

/**
 * Resolves when nothing is under way in the databases and every event has had its effect: no outbox and no redelivery holds one.
 *
 * @param where the PostgreSQL with a database for each domain, as a superuser; or of each database its address
 * @throws Error if an event is dead
 */
export async function eventsSettled(where: string | ((database: DatabaseName) => string)): Promise<void> {
  for (const { database, schema } of Object.values(domains) as DomainEntry[]) {
    if (!database) continue;
    await withClient(typeof where === 'string' ? at(where, database) : where(database as DatabaseName), async (client) => {
      for (;;) {
        const { rows } = await client.query<{ waiting: boolean; dead: string[] }>(
          `SELECT EXISTS (SELECT FROM ${schema}.outbox) OR EXISTS (SELECT FROM ${schema}.redeliveries WHERE state = 'retry')
               OR EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()) AS waiting,
             ARRAY(SELECT DISTINCT subscription || ': ' || error FROM ${schema}.redeliveries WHERE state = 'dead') AS dead`,
        );
        const [{ waiting, dead }] = rows as [{ waiting: boolean; dead: string[] }];
        if (dead.length > 0) throw new Error(`events of ${schema} are dead: ${dead.join(', ')}`);
        if (!waiting) return;
        await pause(100);
      }
    });
  }
}

function at(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
