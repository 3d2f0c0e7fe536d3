import { randomInt } from 'node:crypto';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { InjectKeyValue } from '@banyan/platform/nest/inject';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

/** Long enough for a session, short enough that the queues of those who left do not stay in memory. */
const TTL_MS = 3_600_000;
/** So long a loading is believed. What no event could repair, in a long outage of the store, is found after that at the latest. */
const BELIEVED_MS = 600_000;
/** Of how many users it is remembered that their index is behind; beyond that the event of the message has to do. */
const MAX_BEHIND = 100_000;
/** Messages whose change was made here, so that their event, which follows in milliseconds, need not make it again. */
const REMEMBERED = 20_000;
/** Two members that sort before every message: positions begin at 1, and a loading has a negative number as its score. */
const BEGUN = 'begun';
const LOADED = 'loaded';

/** One attempt to fill an index: which one, and the number that its marks carry. */
export interface Loading {
  readonly key: string;
  /** When it began, as a negative number (so that it sorts first), with three digits that tell it from others of its millisecond. */
  readonly mark: number;
}

/**
 * Which messages wait for a user, in memory, so that looking into an empty queue (the commonest case) asks no database. Never the
 * truth: what it lists is looked up before it is handed out, and what it lost is loaded again.
 *
 * A message is added whether or not its recipient's index is loaded, and loading only adds: whichever comes first, the index holds
 * both. It counts as loaded while it has the marks of the beginning and of the end of one and the same loading: whatever was lost in
 * between, the first mark went with it. Keys carry the store's generation, so that a store that was restarted with old contents
 * starts empty.
 */
@Injectable()
export class QueueIndex {
  /** Users whose index has missed a message that this process accepted: a store that was only silent still says that it is loaded. */
  private readonly behind = new Set<string>();
  private readonly made = new LRUCache<string, 'added' | 'removed'>({ max: REMEMBERED });

  constructor(@InjectKeyValue() private readonly keyvalue: KeyValue) {}

  async add(userId: string, messageId: string, position: number): Promise<void> {
    try {
      await this.keyvalue.sortedAdd(this.key(userId), [{ member: messageId, score: position }], TTL_MS);
      this.made.set(messageId, 'added');
    } catch (error) {
      this.markBehind(userId);
      throw error;
    }
  }

  async remove(userId: string, messageIds: readonly string[]): Promise<void> {
    if (messageIds.length === 0) return;
    await this.keyvalue.sortedRemove(this.key(userId), [...messageIds]);
    for (const messageId of messageIds) this.made.set(messageId, 'removed');
  }

  /** Nobody asks for it again. */
  async forget(userId: string): Promise<void> {
    await this.keyvalue.delete(this.key(userId));
  }

  /** True if this process itself has done that with the message, or more; what the store has lost since then is loaded, not repaired. */
  has(change: 'added' | 'removed', messageId: string): boolean {
    const last = this.made.get(messageId);
    return last === 'removed' || last === change;
  }

  /** The ids that wait, or undefined if the index does not know. */
  async find(userId: string): Promise<string[] | undefined> {
    if (this.behind.has(userId)) await this.unload(userId);
    const entries = await this.keyvalue.sortedRange(this.key(userId), {});
    const marks = new Map(entries.slice(0, 2).map(({ member, score }) => [member, score]));
    const begun = marks.get(BEGUN);
    const isLoaded = begun !== undefined && begun === marks.get(LOADED) && -begun / 1_000 > Date.now() - BELIEVED_MS;
    return isLoaded ? entries.slice(2).map(({ member }) => member) : undefined;
  }

  /** Before the database is asked for the queue. */
  async beginLoading(userId: string): Promise<Loading> {
    const loading = { key: this.key(userId), mark: -(Date.now() * 1_000 + randomInt(1_000)) };
    await this.keyvalue.sortedAdd(loading.key, [{ member: BEGUN, score: loading.mark }], TTL_MS);
    return loading;
  }

  /** `queue` is all that the database had at some moment after the loading began. */
  async load({ key, mark }: Loading, queue: readonly { readonly id: string; readonly position: number }[]): Promise<void> {
    const entries = queue.map(({ id, position }) => ({ member: id, score: position }));
    await this.keyvalue.sortedAdd(key, [{ member: LOADED, score: mark }, ...entries], TTL_MS);
  }

  private markBehind(userId: string): void {
    if (this.behind.size < MAX_BEHIND) this.behind.add(userId);
  }

  /** For every process; a loading that is under way does not count either. */
  private async unload(userId: string): Promise<void> {
    this.behind.delete(userId); // first: a message that is missed from here on marks it again
    try {
      await this.keyvalue.sortedRemove(this.key(userId), [BEGUN, LOADED]);
    } catch (error) {
      this.markBehind(userId);
      throw error;
    }
  }

  private key(userId: string): string {
    return `relay:queue:${this.keyvalue.generation}:${userId}`;
  }
}
