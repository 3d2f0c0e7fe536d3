import { StartupError } from '@banyan/platform/config/startup-error';
import { serverFault } from '@banyan/platform/database/server-fault';
import { Client } from 'pg';
import type { Queryable } from './inspect';

/** What `prepareLegacy` leaves in the comment of each schema: the version of the script that made it. Undefined if it is not there. */
export async function preparedBy(database: Queryable, schema: string): Promise<string | undefined> {
  const { rows } = await database.query<{ comment: string | null }>(
    `SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = $1`,
    [schema],
  );
  const comment = rows[0]?.comment;
  return comment?.startsWith('banyan views ') ? comment : undefined;
}

/** A process makes nothing in the legacy database that `banyan legacy prepare` has not made. @throws StartupError */
export async function requirePrepared(url: string, schema: string): Promise<void> {
  const isPrepared = await withLegacy(url, (client) => preparedBy(client, schema)).catch((error: unknown) => {
    throw new StartupError(serverFault(error, url), { cause: error });
  });
  if (!isPrepared) throw new StartupError(`The legacy database has no schema ${schema}: run banyan legacy prepare.`);
}

/** A server that is busy takes seconds to let somebody in, above all while it writes much. */
const CONNECT_MS = 15_000;

/** One connection for one piece of work. Times there are UTC, as legacy writes them. */
export async function withLegacy<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'banyan legacy',
    options: '-c TimeZone=UTC',
  });
  // A connection that is lost between two statements says so at the next one.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
