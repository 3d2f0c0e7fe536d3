import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { AttachmentService } from './attachment.service';
import { messageSent } from './contract/events';

@Subscriber('message')
export class MessageHandlers {
  constructor(private readonly attachments: AttachmentService) {}

  namesFiles({ data: { position, names_files } }: Delivered<typeof messageSent>): boolean {
    return position !== null && names_files !== false;
  }

  /** Also for messages of the monolith's queue. */
  @On(messageSent, { when: 'namesFiles' })
  async linkFiles({ data: { message_id, sender_id, recipient_id } }: Delivered<typeof messageSent>): Promise<void> {
    await this.attachments.linkQueued(message_id, sender_id, recipient_id);
  }
}
