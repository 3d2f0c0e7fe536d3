import { messageContract } from '@banyan/message/contract';
import type { Settings } from '@banyan/platform/config/table';
import type { ClientOf } from '@banyan/platform/contract';
import { clientToken } from '@banyan/platform/dispatch/client';
import { HOST_STATE, JWT_SECRET, LOG, SETTINGS } from '@banyan/platform/nest/inject';
import type { HostState } from '@banyan/platform/nest/platform.module';
import type { Logger } from '@banyan/platform/telemetry/log';
import { Module } from '@nestjs/common';
import { AdoptedQueue } from './adopted-queue';
import { Adoption } from './adoption';
import { LegacyQueue } from './legacy-queue';
import { QueueIndex } from './queue-index';
import { RelayController } from './relay.controller';
import { RelayHandlers } from './relay.handlers';
import { RelayService } from './relay.service';

@Module({
  controllers: [RelayController],
  providers: [
    RelayService,
    QueueIndex,
    RelayHandlers,
    {
      provide: AdoptedQueue,
      inject: [SETTINGS, JWT_SECRET, HOST_STATE, clientToken(messageContract), LOG],
      useFactory: (
        { LEGACY_URL }: Settings,
        secret: string,
        host: HostState | undefined,
        messages: ClientOf<typeof messageContract>,
        log: Logger,
      ) =>
        LEGACY_URL &&
        host &&
        new AdoptedQueue(new LegacyQueue(LEGACY_URL, secret), new Adoption(host.database, host.routes), messages, log),
    },
  ],
})
export class RelayModule {}
