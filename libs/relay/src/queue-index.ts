import { randomInt } from 'node:crypto';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { InjectKeyValue } from '@banyan/platform/nest/inject';
import { Injectable } from '@nestjs/common';

/** Long enough for a session, short enough that the queues of those who left do not stay in memory. */
const TTL_MS = 3_600_000;
/** Two members that sort before every message: positions begin at 1, and a loading has a negative number as its score. */
const BEGUN = 'begun';
const LOADED = 'loaded';

/** One attempt to fill an index: which one, and the number that its marks carry. */
export interface Loading {
  readonly key: string;
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
  constructor(@InjectKeyValue() private readonly keyvalue: KeyValue) {}

  async add(userId: string, messageId: string, position: number): Promise<void> {
    await this.keyvalue.sortedAdd(this.key(userId), [{ member: messageId, score: position }], TTL_MS);
  }

  async remove(userId: string, messageIds: readonly string[]): Promise<void> {
    if (messageIds.length > 0) await this.keyvalue.sortedRemove(this.key(userId), [...messageIds]);
  }

  /** The ids that wait, or undefined if the index does not know. */
  async find(userId: string): Promise<string[] | undefined> {
    const entries = await this.keyvalue.sortedRange(this.key(userId), {});
    const marks = new Map(entries.slice(0, 2).map(({ member, score }) => [member, score]));
    const begun = marks.get(BEGUN);
    return begun !== undefined && begun === marks.get(LOADED) ? entries.slice(2).map(({ member }) => member) : undefined;
  }

  /** Before the database is asked for the queue. */
  async beginLoading(userId: string): Promise<Loading> {
    const loading = { key: this.key(userId), mark: -randomInt(1, 2 ** 47) };
    await this.keyvalue.sortedAdd(loading.key, [{ member: BEGUN, score: loading.mark }], TTL_MS);
    return loading;
  }

  /** `queue` is all that the database had at some moment after the loading began. */
  async load({ key, mark }: Loading, queue: readonly { readonly id: string; readonly position: number }[]): Promise<void> {
    const entries = queue.map(({ id, position }) => ({ member: id, score: position }));
    await this.keyvalue.sortedAdd(key, [{ member: LOADED, score: mark }, ...entries], TTL_MS);
  }

  private key(userId: string): string {
    return `relay:queue:${this.keyvalue.generation}:${userId}`;
  }
}
