import type { Redis } from 'ioredis';

/**
 * Ask a connection now and then whether it still is one, and make it anew if it does not answer: a peer that vanished without a
 * word would be noticed by TCP after many minutes, and by a listener never. (ioredis' own `socketTimeout` keeps its timer over a
 * reconnect and then cuts the new connection.)
 *
 * @returns stops asking
 */
export function startHeartbeat(connection: Redis, everyMs: number): () => void {
  const timer = setInterval(() => {
    if (connection.status !== 'ready') return;
    connection.ping().catch(() => {
      if (connection.status === 'ready') connection.disconnect(true);
    });
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
