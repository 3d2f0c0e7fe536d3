import { Redis } from 'ioredis';

const LIMIT_MS = 3_000;

/** What the server says it is, e.g. `7.0.15`. Rejects if it cannot be reached or does not let us in. */
export async function redisVersion(url: string): Promise<string> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: LIMIT_MS,
    commandTimeout: LIMIT_MS,
    disableClientInfo: true,
  });
  let reason: Error | undefined;
  redis.on('error', (error: Error) => (reason ??= error));
  try {
    await redis.connect();
    return /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? 'of an unknown version';
  } catch (error) {
    throw reason ?? error; // the connection knows more than the command that waited for it
  } finally {
    redis.disconnect();
  }
}
