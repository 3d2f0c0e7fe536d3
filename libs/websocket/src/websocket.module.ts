import { Module } from '@nestjs/common';
import { Connections } from './connections';
import { Presence } from './presence';
import { WebsocketController } from './websocket.controller';
import { WebsocketService } from './websocket.service';

@Module({ controllers: [WebsocketController], providers: [WebsocketService, Connections, Presence] })
export class WebsocketModule {}
