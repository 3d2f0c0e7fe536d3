import { Module } from '@nestjs/common';
import { GroupHandlers } from './group.handlers';
import { SocketsModule } from './sockets.module';
import { WebsocketController } from './websocket.controller';
import { WebsocketHandlers } from './websocket.handlers';

@Module({ imports: [SocketsModule], controllers: [WebsocketController], providers: [GroupHandlers, WebsocketHandlers] })
export class WebsocketModule {}
