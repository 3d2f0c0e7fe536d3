import { Client } from 'pg';

const LIMIT_MS = 3_000;

/** One connection, as the login of `url`, for short questions. A server that does not answer in time is as good as none. */
export async function look<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: LIMIT_MS,
    query_timeout: LIMIT_MS,
    application_name: 'banyan cli',
  });
  client.on('error', () => undefined); // a connection that is lost between two questions says so at the next one
  try {
    await client.connect();
    return await work(client);
  } finally {
    void client.end().catch(() => undefined); // a server that is silent would be waited for
  }
}
