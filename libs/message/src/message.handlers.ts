import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { AttachmentService } from './attachment.service';
import { messageSent } from './contract/events';

@Subscriber('message')
export class MessageHandlers {
  constructor(private readonly attachments: AttachmentService) {}

  /** Also for messages of the monolith's queue. */
  @On(messageSent)
  async linkFiles({ data: { message_id, sender_id, recipient_id, position, names_files } }: Delivered<typeof messageSent>): Promise<void> {
    if (position !== null && names_files !== false) await this.attachments.linkQueued(message_id, sender_id, recipient_id);
  }
}
