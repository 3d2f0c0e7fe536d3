import { once } from 'node:events';
import type { Redis } from 'ioredis';
import type { Logger } from '../telemetry/log';
import { startHeartbeat } from './heartbeat';
import type { Listener } from './keyvalue';

/** Listens to channels on a connection of its own, made with the first of them. What is wanted is asked for again on every connection. */
export class RedisSubscriber {
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly onGaps = new Set<() => void>();
  private connection: Redis | undefined;
  private stopHeartbeat: () => void = () => undefined;

  constructor(
    private readonly connect: () => Redis,
    private readonly heartbeatMs: number,
    private readonly log: Pick<Logger, 'error'>,
  ) {}

  async subscribe(channel: string, listener: Listener, onGap?: () => void): Promise<() => Promise<void>> {
    const own: Listener = (message) => listener(message); // so that the same listener may subscribe twice
    this.listeners.set(channel, (this.listeners.get(channel) ?? new Set()).add(own));
    if (onGap) this.onGaps.add(onGap);
    const connection = (this.connection ??= this.open());
    if (connection.status === 'connecting' || connection.status === 'connect') {
      await Promise.race([once(connection, 'ready'), once(connection, 'close')]).catch(() => undefined);
    }
    await connection.subscribe(channel).catch(() => undefined); // away: comes with the next connection
    return async () => {
      if (onGap) this.onGaps.delete(onGap);
      const others = this.listeners.get(channel);
      if (!others?.delete(own) || others.size > 0) return;
      this.listeners.delete(channel);
      await this.connection?.unsubscribe(channel).catch(() => undefined);
    };
  }

  close(): void {
    this.stopHeartbeat();
    this.listeners.clear();
    this.onGaps.clear();
    this.connection?.disconnect();
  }

  private open(): Redis {
    const connection = this.connect();
    let wasAway = false;
    connection.on('close', () => (wasAway = true));
    connection.on('ready', () => {
      if (this.listeners.size === 0) return;
      const listening = connection.subscribe(...this.listeners.keys());
      listening.then(
        () => wasAway && this.onGaps.forEach((tell) => tell()),
        () => connection.disconnect(true),
      );
    });
    connection.on('error', () => undefined); // the store's other connection tells
    connection.on('message', (channel, message) => this.deliver(channel, message));
    this.stopHeartbeat = startHeartbeat(connection, this.heartbeatMs);
    return connection;
  }

  private deliver(channel: string, message: string): void {
    for (const listener of this.listeners.get(channel) ?? []) {
      try {
        listener(message);
      } catch (error) {
        this.log.error({ err: error }, 'a listener to the key-value store failed');
      }
    }
  }
}
