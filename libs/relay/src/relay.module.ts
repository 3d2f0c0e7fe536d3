import { Module } from '@nestjs/common';
import { QueueIndex } from './queue-index';
import { RelayController } from './relay.controller';
import { RelayHandlers } from './relay.handlers';
import { RelayService } from './relay.service';

@Module({ controllers: [RelayController], providers: [RelayService, QueueIndex, RelayHandlers] })
export class RelayModule {}
