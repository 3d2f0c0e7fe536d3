import { messageDeleted } from '@banyan/message/contract/events';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { mediaDeleted, mediaUploaded } from './contract/events';
import { MediaService } from './media.service';
import { RemovalService } from './removal.service';

@Subscriber('media')
export class MediaHandlers {
  constructor(
    private readonly media: MediaService,
    private readonly removal: RemovalService,
  ) {}

  @On(mediaUploaded)
  async makeThumbnail({ data: { media_id } }: Delivered<typeof mediaUploaded>): Promise<void> {
    await this.media.makeThumbnail(media_id);
  }

  /** Usually done by then; this is for a process that was killed in between. */
  @On(mediaUploaded)
  async mirror({ data: { media_id } }: Delivered<typeof mediaUploaded>): Promise<void> {
    await this.media.mirror(media_id);
  }

  /** As above. */
  @On(mediaDeleted)
  async eraseBytes({ data: { media_id } }: Delivered<typeof mediaDeleted>): Promise<void> {
    await this.removal.erase(media_id);
  }

  @On(messageDeleted)
  async removeWithMessage({ data }: Delivered<typeof messageDeleted>): Promise<void> {
    if (data.for === 'both') await this.removal.removeOfMessage(data.message_id);
  }
}
