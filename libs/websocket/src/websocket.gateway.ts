import { randomUUID } from 'node:crypto';
import type { UserActor } from '@banyan/platform/contract';
import type { Opening } from '@banyan/platform/nest/opening';
import { asUser } from '@banyan/platform/dispatch/context';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import {
  ConnectedSocket,
  MessageBody,
  OnGatewayConnection,
  OnGatewayDisconnect,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { ClientSocket } from './client-socket';
import { FrameService } from './frame.service';
import { Greeter } from './greeter';
import { PresenceAnnouncer } from './presence.announcer';
import { OwnSockets } from './own-sockets';
import { InjectUpstreams, type Upstreams } from './upstreams';
import { WebsocketService } from './websocket.service';

type Payload = Readonly<Record<string, unknown>>;

/** What clients' sockets say. Nothing is answered but by what is pushed; what fails is logged, and the client says it again or does without. */
@WebSocketGateway()
export class SocketGateway implements OnGatewayConnection<WebSocket>, OnGatewayDisconnect<WebSocket> {
  private readonly clients = new WeakMap<WebSocket, ClientSocket>();

  constructor(
    private readonly sockets: WebsocketService,
    private readonly own: OwnSockets,
    private readonly greeter: Greeter,
    private readonly frames: FrameService,
    private readonly announcer: PresenceAnnouncer,
    @InjectUpstreams() private readonly upstreams: Upstreams | undefined,
    @InjectLog() private readonly log: Logger,
  ) {}

  handleConnection(socket: WebSocket, user: UserActor, opening: Opening): void {
    const client = new ClientSocket(this.sockets.newConnectionId(), user, socket, opening.request.socket, this.own.unread);
    this.clients.set(socket, client);
    this.own.add(client);
    socket.on('pong', () => (client.isAlive = true));
    const joined = this.forUser(user, 'joining', () => this.sockets.open(client));
    if (this.upstreams?.attach(client, opening, joined)) {
      client.release(); // another server greets him
      void joined.then(() => this.forUser(user, 'being there', () => this.announce(client)));
      return;
    }
    socket.pause(); // what he says is heard after he has been greeted
    void joined.then(() => this.forUser(user, 'greeting', () => this.greeter.greet(client))).finally(() => socket.resume());
  }

  handleDisconnect(socket: WebSocket): void {
    const client = this.clients.get(socket);
    if (!client) return;
    this.own.remove(client);
    this.upstreams?.detach(client);
    void this.forUser(client.user, 'leaving', async () => {
      if (this.own.isDraining) return; // he comes again elsewhere; if not, his lease ends
      if ((await this.sockets.close(client)) && !this.upstreams?.tellsPresence) await this.announcer.tellOffline(client.userId);
    });
  }

  private async announce(client: ClientSocket): Promise<void> {
    if (this.upstreams?.tellsPresence) return;
    const { audience } = await this.announcer.onlineFor(client.userId);
    if (client.isOpen) await this.announcer.tellOnline(client.userId, audience);
  }

  @SubscribeMessage('message')
  message(@ConnectedSocket() socket: WebSocket, @MessageBody() payload: Payload): Promise<void> {
    return this.frame(socket, 'message', (user) => this.frames.postMessage(user, payload));
  }

  @SubscribeMessage('group_message')
  groupMessage(@ConnectedSocket() socket: WebSocket, @MessageBody() payload: Payload): Promise<void> {
    return this.frame(socket, 'group_message', (user) => this.frames.postToGroup(user, payload));
  }

  @SubscribeMessage('typing')
  typing(@ConnectedSocket() socket: WebSocket, @MessageBody() payload: Payload): Promise<void> {
    return this.frame(socket, 'typing', (user) => this.frames.passTyping(user, payload));
  }

  @SubscribeMessage('delivery_confirmation')
  deliveryConfirmation(@ConnectedSocket() socket: WebSocket, @MessageBody() payload: Payload): Promise<void> {
    return this.frame(socket, 'delivery_confirmation', (_user, client) =>
      client.confirmed.once('delivered', payload['message_id'], () => this.frames.confirm('delivered', payload)),
    );
  }

  @SubscribeMessage('read_confirmation')
  readConfirmation(@ConnectedSocket() socket: WebSocket, @MessageBody() payload: Payload): Promise<void> {
    return this.frame(socket, 'read_confirmation', (_user, client) =>
      client.confirmed.once('read', payload['message_id'], () => this.frames.confirm('read', payload)),
    );
  }

  @SubscribeMessage('contact_added')
  contactAdded(@ConnectedSocket() socket: WebSocket, @MessageBody() payload: Payload): Promise<void> {
    return this.frame(socket, 'contact_added', (user) => this.frames.tellInviter(user, payload));
  }

  private async frame(socket: WebSocket, type: string, work: (user: UserActor, client: ClientSocket) => Promise<void>): Promise<void> {
    const client = this.clients.get(socket);
    if (client) await this.forUser(client.user, type, () => work(client.user, client));
  }

  private async forUser(user: UserActor, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await asUser(user, { key: randomUUID() }, work);
    } catch (error) {
      if (!isRefusal(error)) this.log.warn({ err: error, what }, 'a socket goes on without it');
    }
  }
}

/** What a client may not, or what is not there: no fault of ours, and none that he is told of. */
function isRefusal(error: unknown): boolean {
  const { status } = error as { status?: unknown };
  return typeof status === 'number' && status < 500;
}
