import type { CallContext, Handlers, Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import {
  type attach,
  type complete,
  type file,
  type link,
  mediaContract,
  type ofMessage,
  type ofMessages,
  type purge,
  type remove,
  type reserve,
} from './contract';
import { MediaService } from './media.service';
import { RemovalService } from './removal.service';

@Serves(mediaContract)
export class MediaController implements Handlers<typeof mediaContract> {
  constructor(
    private readonly media: MediaService,
    private readonly removal: RemovalService,
  ) {}

  reserve(draft: Input<typeof reserve>, { actor, key }: CallContext) {
    return this.media.reserve(actor.userId, key, draft);
  }

  complete(stored: Input<typeof complete>, { actor, key }: CallContext) {
    return this.media.complete(actor.userId, key, stored);
  }

  file({ filename }: Input<typeof file>) {
    return this.media.file(filename);
  }

  link({ media_id, expires_in_seconds }: Input<typeof link>, { actor }: CallContext) {
    return this.media.link(actor.userId, media_id, expires_in_seconds);
  }

  ofMessage({ message_id }: Input<typeof ofMessage>, { actor }: CallContext) {
    return this.media.ofMessage(actor.userId, message_id);
  }

  usage(_none: object, { actor }: CallContext) {
    return this.media.usage(actor.userId);
  }

  remove({ media_id }: Input<typeof remove>, { actor, key }: CallContext) {
    return this.removal.remove(actor, key, media_id);
  }

  attach(wish: Input<typeof attach>) {
    return this.media.attach(wish);
  }

  ofMessages({ message_ids }: Input<typeof ofMessages>) {
    return this.media.ofMessages(message_ids);
  }

  dropExpired() {
    return this.removal.dropExpired();
  }

  purge({ user_id }: Input<typeof purge>) {
    return this.removal.purge(user_id);
  }
}
