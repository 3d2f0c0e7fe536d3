import type { Handlers, Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import { type endSessions, type online, type push, type pushMany, websocketContract } from './contract';
import { WebsocketService } from './websocket.service';

@Serves(websocketContract)
export class WebsocketController implements Handlers<typeof websocketContract> {
  constructor(private readonly sockets: WebsocketService) {}

  push({ user_id, frame }: Input<typeof push>) {
    return this.sockets.push(user_id, frame);
  }

  pushMany({ user_ids, frame }: Input<typeof pushMany>) {
    return this.sockets.pushMany(user_ids, frame);
  }

  online({ user_ids }: Input<typeof online>) {
    return this.sockets.online(user_ids);
  }

  endSessions({ user_id, session_id }: Input<typeof endSessions>) {
    return this.sockets.endSessions(user_id, session_id ?? null);
  }

  onlineCount() {
    return this.sockets.onlineCount();
  }
}
