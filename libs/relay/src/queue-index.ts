import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { InjectKeyValue } from '@banyan/platform/nest/inject';
import { Injectable } from '@nestjs/common';

/** Long enough for a session, short enough that the queues of those who left do not stay in memory. */
const TTL_MS = 3_600_000;
/** Of how many users it is remembered that their index is behind; beyond that the event of the message has to do. */
const MAX_BEHIND = 100_000;
/** Sorts before every position. While it is there the index has every queued message of its user. */
const LOADED = { member: 'loaded', score: -1 };

/**
 * Which messages wait for a user, in memory, so that looking into an empty queue (the commonest case) asks no database. Never the
 * truth: what it lists is looked up before it is handed out, and what it lost is loaded again.
 *
 * A message is added whether or not its recipient's index is loaded, and loading only adds: whichever comes first, the index holds
 * both. Keys carry the store's generation, so that a store that was restarted with old contents starts empty.
 */
@Injectable()
export class QueueIndex {
  /** Users whose index has missed a message that this process accepted: a store that was only silent still says that it is loaded. */
  private readonly behind = new Set<string>();

  constructor(@InjectKeyValue() private readonly keyvalue: KeyValue) {}

  async add(userId: string, messageId: string, position: number): Promise<void> {
    try {
      await this.keyvalue.sortedAdd(this.key(userId), [{ member: messageId, score: position }], TTL_MS);
    } catch (error) {
      this.markBehind(userId);
      throw error;
    }
  }

  async remove(userId: string, messageIds: readonly string[]): Promise<void> {
    if (messageIds.length > 0) await this.keyvalue.sortedRemove(this.key(userId), [...messageIds]);
  }

  /** The ids that wait, or undefined if the index does not know. */
  async find(userId: string): Promise<string[] | undefined> {
    if (this.behind.has(userId)) await this.unload(userId);
    const entries = await this.keyvalue.sortedRange(this.key(userId), {});
    if (entries[0]?.member !== LOADED.member) return undefined;
    return entries.slice(1).map(({ member }) => member);
  }

  /** `queue` is all that the database had at some moment after the index was found not loaded. */
  async load(userId: string, queue: readonly { readonly id: string; readonly position: number }[]): Promise<void> {
    await this.keyvalue.sortedAdd(
      this.key(userId),
      [LOADED, ...queue.map(({ id, position }) => ({ member: id, score: position }))],
      TTL_MS,
    );
  }

  private markBehind(userId: string): void {
    if (this.behind.size < MAX_BEHIND) this.behind.add(userId);
  }

  /** For every process. */
  private async unload(userId: string): Promise<void> {
    this.behind.delete(userId); // first: a message that is missed from here on marks it again
    try {
      await this.keyvalue.sortedRemove(this.key(userId), [LOADED.member]);
    } catch (error) {
      this.markBehind(userId);
      throw error;
    }
  }

  private key(userId: string): string {
    return `relay:queue:${this.keyvalue.generation}:${userId}`;
  }
}
