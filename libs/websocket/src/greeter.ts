import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { ClientOf } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import { relayContract } from '@banyan/relay/contract';
import { Injectable } from '@nestjs/common';
import type { ClientSocket } from './client-socket';
import { now } from './now';
import { PresenceAnnouncer } from './presence.announcer';
import { WebsocketService } from './websocket.service';

/**
 * What a new socket is told, in this order: his queue, then who is there. After that the others hear of him. He is found by them already: what is
 * pushed from here on waits for the end of the greeting, and what was accepted before is in his queue.
 */
@Injectable()
export class Greeter {
  constructor(
    private readonly sockets: WebsocketService,
    private readonly announcer: PresenceAnnouncer,
    @Client(relayContract) private readonly relay: ClientOf<typeof relayContract>,
    @InjectLog() private readonly log: Logger,
  ) {}

  /** A queue or a presence that cannot be had does not keep anybody out: the one is fetched again, the other comes with the next change. */
  async greet(client: ClientSocket): Promise<void> {
    const { userId } = client;
    try {
      if (!client.isOpen) return;
      const [pending, presence] = await Promise.all([
        this.relay.queue({}).catch(this.ignored('queue')),
        this.announcer.onlineFor(userId).catch(this.ignored('presence')),
      ]);
      if (!pending) this.sockets.owe(userId);
      for (const data of pending?.messages ?? []) if (!(await client.greet({ type: 'relay_message', id: data.id, body: { data } }))) return;
      const greeting = { user_id: userId, online_users: presence?.online ?? [], timestamp: now() };
      await client.greet({ type: 'connection_established', id: '', body: greeting });
      client.release();
      if (client.isOpen && presence) await this.announcer.tellOnline(userId, presence.online);
    } finally {
      client.release();
    }
  }

  private ignored =
    (what: string) =>
    (error: unknown): undefined => {
      this.log.warn({ err: error, what }, 'greeted without it');
      return undefined;
    };
}
