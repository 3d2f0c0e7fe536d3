import { Module } from '@nestjs/common';
import { SocketsModule } from './sockets.module';
import { WebsocketController } from './websocket.controller';
import { WebsocketHandlers } from './websocket.handlers';

@Module({ imports: [SocketsModule], controllers: [WebsocketController], providers: [WebsocketHandlers] })
export class WebsocketModule {}
