import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { groupDeleted } from './contract';
import { MessageService } from './message.service';

@Subscriber('group')
export class GroupHandlers {
  constructor(private readonly messages: MessageService) {}

  /** Nobody reaches them any more since the group is gone; there may be millions, so they go in parts. Repeats find nothing. */
  @On(groupDeleted)
  async eraseMessages({ data }: Delivered<typeof groupDeleted>): Promise<void> {
    await this.messages.sweep(data.group_id);
  }
}
