import { SocketsModule } from '@banyan/websocket/sockets.module';
import { UPSTREAMS } from '@banyan/websocket/upstreams';
import type { DynamicModule } from '@nestjs/common';
import { LEGACY_SOCKETS, LegacySockets, type LegacySocketsParts } from './legacy-sockets';

/** Gives the sockets of this process theirs at the monolith. */
export class LegacySocketsModule {
  static with(parts: LegacySocketsParts): DynamicModule {
    const upstreams = { provide: UPSTREAMS, useExisting: LegacySockets };
    return {
      module: LegacySocketsModule,
      global: true,
      imports: [SocketsModule],
      providers: [{ provide: LEGACY_SOCKETS, useValue: parts }, LegacySockets, upstreams],
      exports: [UPSTREAMS],
    };
  }
}
