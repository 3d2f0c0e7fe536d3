import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { type Connection, Connections } from './connections';
import type { Frame } from './contract';
import { LEASE_MS, Presence } from './presence';

const RENEWAL_MS = LEASE_MS / 5;

@Injectable()
export class WebsocketService implements OnApplicationBootstrap, OnModuleDestroy {
  private renewal: NodeJS.Timeout | undefined;

  constructor(
    private readonly connections: Connections,
    private readonly presence: Presence,
    @InjectLog() private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.renewal = setInterval(() => void this.renew(), RENEWAL_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.renewal);
    await Promise.allSettled([...this.connections.all()].map((connection) => this.close(connection)));
  }

  async open(connection: Connection): Promise<void> {
    this.connections.add(connection);
    await this.presence.renew([connection]);
  }

  /** @returns true if the user is offline now */
  async close(connection: Connection): Promise<boolean> {
    this.connections.remove(connection);
    return this.presence.leave(connection.userId, connection.connectionId);
  }

  push(userId: string, frame: Frame): { delivered: number } {
    let delivered = 0;
    for (const connection of this.connections.of(userId)) if (connection.send(frame)) delivered++;
    return { delivered };
  }

  async online(userIds: readonly string[]): Promise<{ online: string[] }> {
    const answers = await Promise.all(userIds.map((userId) => this.presence.isOnline(userId)));
    return { online: userIds.filter((_, index) => answers[index]) };
  }

  async onlineCount(): Promise<{ count: number }> {
    return { count: await this.presence.count() };
  }

  /** A store that is away for a while costs presence, not connections. */
  private async renew(): Promise<void> {
    await this.presence.renew([...this.connections.all()]).catch((error: unknown) => this.log.warn({ err: error }, 'presence not renewed'));
  }
}
