import { Module } from '@nestjs/common';
import { Audience } from './audience';
import { CatchUp } from './catch-up';
import { Connections } from './connections';
import { DistantSockets } from './distant-sockets';
import { FrameService } from './frame.service';
import { Greeter } from './greeter';
import { GroupFanout } from './group-fanout';
import { OwnSockets } from './own-sockets';
import { Presence } from './presence';
import { PresenceAnnouncer } from './presence.announcer';
import { Whereabouts } from './whereabouts';
import { SocketGateway } from './websocket.gateway';
import { WebsocketService } from './websocket.service';

const parts = [Audience, Connections, GroupFanout, OwnSockets, Presence, PresenceAnnouncer, WebsocketService];

/** Clients' sockets and their frames: wherever clients arrive, also where the operations and events of the domain are not served. */
@Module({ providers: [...parts, CatchUp, DistantSockets, FrameService, Greeter, SocketGateway, Whereabouts], exports: parts })
export class SocketsModule {}
