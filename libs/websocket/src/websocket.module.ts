import { Module } from '@nestjs/common';
import { Audience } from './audience';
import { CatchUp } from './catch-up';
import { FrameService } from './frame.service';
import { Greeter } from './greeter';
import { GroupFanout } from './group-fanout';
import { GroupHandlers } from './group.handlers';
import { OwnSockets } from './own-sockets';
import { PresenceAnnouncer } from './presence.announcer';
import { SocketsModule } from './sockets.module';
import { WebsocketController } from './websocket.controller';
import { SocketGateway } from './websocket.gateway';
import { WebsocketHandlers } from './websocket.handlers';

@Module({
  imports: [SocketsModule],
  controllers: [WebsocketController],
  providers: [
    Audience,
    CatchUp,
    FrameService,
    Greeter,
    GroupFanout,
    GroupHandlers,
    OwnSockets,
    PresenceAnnouncer,
    SocketGateway,
    WebsocketHandlers,
  ],
})
export class WebsocketModule {}
