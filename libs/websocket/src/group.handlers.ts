import { groupContract } from '@banyan/group/contract';
import { groupChanged, groupCreated, groupDeleted, groupMessage, memberAdded, memberRemoved } from '@banyan/group/contract/events';
import type { ClientOf } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { userContract } from '@banyan/user/contract';
import { GroupFanout } from './group-fanout';
import {
  addedToGroupFrame,
  groupCreatedFrame,
  groupDeletedFrame,
  groupUpdatedFrame,
  memberAddedFrame,
  memberRemovedFrame,
  removedFromGroupFrame,
} from './group-frames';
import { WebsocketService } from './websocket.service';

/** What happens in groups, as frames for those who are there. Of a group that is gone by now only its end is told. */
@Subscriber('websocket')
export class GroupHandlers {
  constructor(
    private readonly sockets: WebsocketService,
    private readonly fanout: GroupFanout,
    @Client(groupContract) private readonly groups: ClientOf<typeof groupContract>,
    @Client(userContract) private readonly users: ClientOf<typeof userContract>,
  ) {}

  isNotShown({ data: { message_id } }: Delivered<typeof groupMessage>): boolean {
    return !this.fanout.hasShown(message_id);
  }

  @On(groupMessage, { when: 'isNotShown' })
  async showGroupMessage({ data: { message_id } }: Delivered<typeof groupMessage>): Promise<void> {
    await this.fanout.showMissed(message_id);
  }

  @On(groupCreated)
  async showGroup(happened: Delivered<typeof groupCreated>): Promise<void> {
    const { group_id, by } = happened.data;
    const { group } = await this.groups.about({ group_id });
    if (group) await this.sockets.pushMany([by], groupCreatedFrame(group, happened));
  }

  /** He hears of the group before he hears of himself in it. */
  @On(memberAdded)
  async showMember(happened: Delivered<typeof memberAdded>): Promise<void> {
    const { group_id, user_id, by } = happened.data;
    const [{ group }, { profiles }] = await Promise.all([
      this.groups.about({ group_id }),
      this.users.profiles({ user_ids: [...new Set([user_id, by])] }),
    ]);
    const member = profiles.find(({ id }) => id === user_id);
    const adder = profiles.find(({ id }) => id === by);
    if (!group || !member) return;
    await this.sockets.pushMany([user_id], addedToGroupFrame(group, { id: by, username: adder?.username ?? '' }, happened));
    await this.fanout.tellMembers(group_id, memberAddedFrame(group_id, member, adder?.username ?? '', happened));
  }

  @On(memberRemoved)
  async hideMember(happened: Delivered<typeof memberRemoved>): Promise<void> {
    const { group_id, user_id, by } = happened.data;
    await this.sockets.pushMany([user_id], removedFromGroupFrame(group_id, by, happened));
    await this.fanout.tellMembers(group_id, memberRemovedFrame(group_id, user_id, happened));
  }

  @On(groupChanged)
  async showChange(happened: Delivered<typeof groupChanged>): Promise<void> {
    const { group } = await this.groups.about(happened.data);
    if (group) await this.fanout.tellMembers(group.group_id, groupUpdatedFrame(group, happened));
  }

  @On(groupDeleted)
  async hideGroup(happened: Delivered<typeof groupDeleted>): Promise<void> {
    await this.sockets.pushMany(happened.data.member_ids, groupDeletedFrame(happened.data, happened));
  }
}
