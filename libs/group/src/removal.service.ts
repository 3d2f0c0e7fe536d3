import { isError } from '@banyan/platform/contract';
import { Database } from '@banyan/platform/database/database';
import { Injectable } from '@nestjs/common';
import { MemberNotFound } from './contract';
import { GroupService } from './group.service';
import { GroupStore } from './group.store';
import { MemberService } from './member.service';
import { MessageStore } from './message.store';
import { RemovalStore } from './removal.store';

const BATCH = 100;

/** What becomes of groups, memberships and messages of somebody who is removed (docs/adr/0060-groups-of-removed-users.md). */
@Injectable()
export class RemovalService {
  constructor(
    private readonly store: RemovalStore,
    private readonly groups: GroupStore,
    private readonly group: GroupService,
    private readonly members: MemberService,
    private readonly messages: MessageStore,
    private readonly database: Database,
  ) {}

  /** One group at a time, each with its event: what was done stays done, and whoever repeats it goes on from there. */
  async purge(userId: string): Promise<Record<string, never>> {
    await this.store.mark(userId);
    for (let owned = await this.groups.listOwned(userId, BATCH); owned.length > 0; owned = await this.groups.listOwned(userId, BATCH)) {
      for (const id of owned) await this.removeGroup(id, userId);
    }
    for (const id of await this.groups.listIdsOf(userId)) await this.removeFrom(id, userId);
    while (await this.messages.eraseSomeOf(userId));
    await this.store.forget(userId);
    return {};
  }

  private removeGroup(id: string, userId: string): Promise<void> {
    return this.database.transaction(async (tx) => {
      await this.groups.lock(tx, id);
      const group = await this.groups.standing(id, userId, tx);
      if (group?.admin_id === userId) await this.group.removeIn(tx, group, userId);
    });
  }

  private removeFrom(group_id: string, user_id: string): Promise<void> {
    return this.database.transaction(async (tx) => {
      await this.groups.lock(tx, group_id);
      await this.members.removeIn(tx, { group_id, user_id }, user_id, 'account').catch((error: unknown) => {
        if (!isError(error, MemberNotFound)) throw error; // gone meanwhile
      });
    });
  }
}
