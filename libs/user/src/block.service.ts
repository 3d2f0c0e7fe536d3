import { Database } from '@banyan/platform/database/database';
import { Injectable } from '@nestjs/common';
import { BlockStore } from './block.store';
import { partOf } from './contact.service';
import { type BlockedUser, CannotBlockYourself, LIST_LIMIT, type Page, TooManyBlocks, UserNotFound } from './contract';
import { UserStore } from './user.store';

/**
 * Who is blocked by whom. Whoever is blocked does not learn it: the other one is as if he had no account (`findFor`, the lists, the search,
 * `mayWrite`). No event: nobody remembers blocks.
 */
@Injectable()
export class BlockService {
  constructor(
    private readonly store: BlockStore,
    private readonly users: UserStore,
    private readonly database: Database,
  ) {}

  /**
   * Somebody who has blocked the caller can be blocked too, or he could take his own block back whenever he wants to write. So that this
   * tells nobody anything, an id that nobody has gets the same answer.
   */
  async block(userId: string, blockedId: string) {
    if (blockedId === userId) throw CannotBlockYourself();
    await this.database.transaction(async (tx) => {
      const held = await this.users.holdProfiles(tx, [userId, blockedId]);
      if (!held.has(userId)) throw UserNotFound();
      if (!held.has(blockedId) || (await this.store.has(tx, userId, blockedId))) return;
      if ((await this.store.count(tx, userId, LIST_LIMIT)) >= LIST_LIMIT) throw TooManyBlocks();
      await this.store.insertOnce(tx, userId, blockedId);
    });
    return { status: 'User blocked' as const };
  }

  async unblock(userId: string, blockedId: string) {
    await this.store.remove(userId, blockedId);
    return { status: 'User unblocked' as const };
  }

  list(userId: string, asked: Page): Promise<BlockedUser[]> {
    return this.store.list(userId, partOf(asked));
  }
}
