import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { InjectKeyValue } from '@banyan/platform/nest/inject';
import { Injectable } from '@nestjs/common';

/** A connection that is not renewed for this long belonged to a process that died. */
export const LEASE_MS = 25_000;

const EVERYBODY = 'presence:users';
const socketsOf = (userId: string) => `presence:user:${userId}`;

/**
 * Who is online, as leases in the key-value store: per user the connections with the time each lease ends, and one set of users.
 * Nothing here is the truth of anything else; when the store loses it, the next renewal brings it back.
 */
@Injectable()
export class Presence {
  constructor(@InjectKeyValue() private readonly keyvalue: KeyValue) {}

  /** Say that these connections are open. Called when one opens and again at every renewal. */
  async renew(connections: readonly { readonly userId: string; readonly connectionId: string }[], now = Date.now()): Promise<void> {
    const until = now + LEASE_MS;
    await Promise.all([
      ...connections.map(({ userId, connectionId }) =>
        this.keyvalue.sortedAdd(socketsOf(userId), [{ member: connectionId, score: until }], LEASE_MS),
      ),
      this.keyvalue.sortedAdd(
        EVERYBODY,
        connections.map(({ userId }) => ({ member: userId, score: until })),
        LEASE_MS,
      ),
      this.keyvalue.sortedTrim(EVERYBODY, { max: now }),
    ]);
  }

  /** @returns true if it was the user's last connection: he is offline now */
  async leave(userId: string, connectionId: string, now = Date.now()): Promise<boolean> {
    await this.keyvalue.sortedRemove(socketsOf(userId), [connectionId]);
    const isLast = (await this.keyvalue.sortedCount(socketsOf(userId), { min: now + 1 })) === 0;
    if (isLast) await this.keyvalue.sortedRemove(EVERYBODY, [userId]);
    return isLast;
  }

  /** The user's connections whose leases hold. */
  async connections(userId: string, now = Date.now()): Promise<string[]> {
    const entries = await this.keyvalue.sortedRange(socketsOf(userId), { min: now + 1 });
    return entries.map(({ member }) => member);
  }

  async isOnline(userId: string, now = Date.now()): Promise<boolean> {
    return (await this.keyvalue.sortedCount(socketsOf(userId), { min: now + 1 })) > 0;
  }

  count(now = Date.now()): Promise<number> {
    return this.keyvalue.sortedCount(EVERYBODY, { min: now + 1 });
  }
}
