import { sessionRevoked } from '@banyan/auth/contract/events';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { WebsocketService } from './websocket.service';

@Subscriber('websocket')
export class WebsocketHandlers {
  constructor(private readonly sockets: WebsocketService) {}

  /** Whoever ended it has asked for this already; here it is done if that was lost. */
  @On(sessionRevoked)
  async closeSockets({ data: { user_id, session_id } }: Delivered<typeof sessionRevoked>): Promise<void> {
    await this.sockets.endSessions(user_id, session_id);
  }
}
