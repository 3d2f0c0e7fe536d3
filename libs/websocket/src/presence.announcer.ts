import { asSystem } from '@banyan/platform/dispatch/context';
import { Turns } from '@banyan/platform/dispatch/turns';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { Audience } from './audience';
import { now } from './now';
import { Presence } from './presence';
import { InjectUpstreams, type Upstreams } from './upstreams';
import { WebsocketService } from './websocket.service';

const SWEEP_MS = 2_000;
/** Of those whom a dead process leaves, so many are taken at a time, by whichever process is there first. */
const SWEEP_SIZE = 200;
/** And of so many the others are told at once. */
const AT_ONCE = 8;

/** Tells those who may know it that somebody is there or is gone, also when the process that had his sockets cannot say so any more. */
@Injectable()
export class PresenceAnnouncer implements OnApplicationBootstrap, OnModuleDestroy {
  private sweep: NodeJS.Timeout | undefined;

  constructor(
    private readonly audience: Audience,
    private readonly presence: Presence,
    private readonly sockets: WebsocketService,
    @InjectUpstreams() private readonly upstreams: Upstreams | undefined,
    @InjectLog() private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.sweep = setTimeout(() => void this.tellOfLost(), SWEEP_MS * Math.random()).unref();
  }

  onModuleDestroy(): void {
    clearTimeout(this.sweep);
    this.sweep = undefined;
  }

  /** Who of those that may know of him is there himself. */
  async onlineFor(userId: string): Promise<{ audience: string[]; online: string[] }> {
    const audience = await this.audience.of(userId);
    const online = new Set((await this.sockets.online(audience)).online);
    return { audience, online: audience.filter((other) => online.has(other) || this.upstreams?.isOnline(other)) };
  }

  async tellOnline(userId: string, audience: readonly string[]): Promise<void> {
    await this.sockets.pushMany(audience, { type: 'user_online', id: '', body: { user_id: userId, timestamp: now() } });
  }

  async tellOffline(userId: string): Promise<void> {
    const { online } = await this.onlineFor(userId);
    await this.sockets.pushMany(online, { type: 'user_offline', id: '', body: { user_id: userId } });
  }

  private async tellOfLost(): Promise<void> {
    try {
      for (let lost = await this.presence.takeLost(SWEEP_SIZE); lost.length > 0; lost = await this.presence.takeLost(SWEEP_SIZE)) {
        const turns = new Turns(AT_ONCE);
        const tell = (userId: string) =>
          asSystem('presence', { key: randomUUID() }, () => this.tellOffline(userId)).catch(async (error: unknown) => {
            await this.presence.notTold(userId);
            throw error;
          });
        await Promise.all(lost.map((userId) => turns.take(() => tell(userId))));
      }
    } catch (error) {
      this.log.warn({ err: error }, 'not told who is gone');
    }
    if (this.sweep) this.sweep = setTimeout(() => void this.tellOfLost(), SWEEP_MS).unref();
  }
}
