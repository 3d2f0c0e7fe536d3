import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { AttachmentService } from './attachment.service';
import { messageSent } from './contract/events';
import { DeliveryStore } from './delivery.store';

@Subscriber('message')
export class MessageHandlers {
  constructor(
    private readonly deliveries: DeliveryStore,
    private readonly attachments: AttachmentService,
  ) {}

  /** Accepting a message has done it already; this is for when media could not be asked, and for messages of the monolith's queue. */
  @On(messageSent)
  async linkFiles({ data: { message_id, sender_id, recipient_id, position } }: Delivered<typeof messageSent>): Promise<void> {
    if (position === null) return;
    await this.attachments.link(message_id, sender_id, recipient_id, await this.deliveries.mediaRefs(message_id));
  }
}
