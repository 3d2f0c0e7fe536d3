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
    ]);
  }

  /** This process goes, and its users come again elsewhere: until `graceMs` have passed they count as being here. */
  async release(connections: readonly { readonly userId: string; readonly connectionId: string }[], graceMs: number): Promise<void> {
    const until = Date.now() + graceMs;
    const users = [...new Set(connections.map(({ userId }) => userId))].map((member) => ({ member, score: until }));
    await Promise.all([
      ...connections.map(({ userId, connectionId }) => this.keyvalue.sortedRemove(socketsOf(userId), [connectionId])),
      this.keyvalue.sortedAdd(EVERYBODY, users, LEASE_MS),
    ]);
  }

  /**
   * Users whose leases have ended without anybody saying so: their process died. Each is told to one caller only.
   *
   * @param limit so many at most
   */
  async takeLost(limit: number, now = Date.now()): Promise<string[]> {
    const ended = await this.keyvalue.sortedRange(EVERYBODY, { max: now, limit });
    const lost = await Promise.all(
      ended.map(async ({ member }) => ((await this.keyvalue.sortedRemove(EVERYBODY, [member])) > 0 ? member : undefined)),
    );
    const gone = lost.filter((userId) => userId !== undefined);
    const online = await Promise.all(gone.map((userId) => this.isOnline(userId, now)));
    // Whoever has come since is renewed by the process that has him.
    return gone.filter((_, index) => !online[index]);
  }

  /** He was lost, and nobody could be told: the next who asks gets him again. */
  notTold(userId: string, now = Date.now()): Promise<void> {
    return this.keyvalue.sortedAdd(EVERYBODY, [{ member: userId, score: now }], LEASE_MS);
  }

  /** @returns true if it was the user's last connection: he is offline now, and nobody else is told so */
  async leave(userId: string, connectionId: string, now = Date.now()): Promise<boolean> {
    await this.keyvalue.sortedRemove(socketsOf(userId), [connectionId]);
    if (await this.isOnline(userId, now)) return false;
    const wasLast = (await this.keyvalue.sortedRemove(EVERYBODY, [userId])) > 0;
    // Somebody of his may have come between the two.
    return wasLast && !(await this.isOnline(userId, now));
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
