import { userRemoved } from '@banyan/auth/contract/events';
import { messageDelivered, messageSent } from '@banyan/message/contract/events';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { QueueIndex } from './queue-index';

/** The index follows the queue at once when nothing fails; these bring it back in step after a crash or a lost store. */
@Subscriber('relay')
export class RelayHandlers {
  constructor(private readonly index: QueueIndex) {}

  isNotIndexed({ data: { message_id, position } }: Delivered<typeof messageSent>): boolean {
    return position !== null && !this.index.has('added', message_id);
  }

  @On(messageSent, { when: 'isNotIndexed' })
  async indexQueued({ data: { recipient_id, message_id, position } }: Delivered<typeof messageSent>): Promise<void> {
    if (position !== null) await this.index.add(recipient_id, message_id, position);
  }

  @On(messageDelivered)
  async forgetDelivered({ data: { recipient_id, message_id } }: Delivered<typeof messageDelivered>): Promise<void> {
    if (!this.index.has('removed', message_id)) await this.index.remove(recipient_id, [message_id]);
  }

  @On(userRemoved)
  async forgetRemoved({ data: { user_id } }: Delivered<typeof userRemoved>): Promise<void> {
    await this.index.forget(user_id);
  }
}
