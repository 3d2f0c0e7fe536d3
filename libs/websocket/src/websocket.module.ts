import { Module } from '@nestjs/common';
import { SocketsModule } from './sockets.module';
import { WebsocketController } from './websocket.controller';

@Module({ imports: [SocketsModule], controllers: [WebsocketController] })
export class WebsocketModule {}
