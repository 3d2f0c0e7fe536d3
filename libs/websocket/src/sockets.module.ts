import { Module } from '@nestjs/common';
import { Connections } from './connections';
import { DistantSockets } from './distant-sockets';
import { Presence } from './presence';
import { WebsocketService } from './websocket.service';

/** What keeps the sockets of a process: wherever clients arrive, also where the domain itself is not served. */
@Module({ providers: [WebsocketService, Connections, Presence, DistantSockets], exports: [WebsocketService, Presence] })
export class SocketsModule {}
