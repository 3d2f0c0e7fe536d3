import { randomUUID } from 'node:crypto';
import { Database } from '@banyan/platform/database/database';
import { asSystem } from '@banyan/platform/dispatch/context';
import { Lease } from '@banyan/platform/events/lease';
import { LeasedLoop } from '@banyan/platform/events/leased-loop';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { LinkStore } from './link.store';
import { RemovalService } from './removal.service';
import { RemovalStore } from './removal.store';
import { SessionStore } from './session.store';
import { SigningKeys } from './signing-keys';

const HOUR_MS = 3_600_000;
/** Of one round: a removal that hangs does not stop the others for longer. */
const ROUND_MS = 30_000;
/** What has ended is kept for a while: a network that one has signed in from is known by it. */
const KEEP_DAYS = 90;

/** What auth does without being asked, in one process at a time: unfinished removals, keys that are due, and forgetting. */
@Injectable()
export class AuthWorker implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly loop: LeasedLoop;
  private sweptAt = -Infinity;

  constructor(
    database: Database,
    private readonly removals: RemovalService,
    private readonly keys: SigningKeys,
    private readonly sessions: SessionStore,
    private readonly links: LinkStore,
    private readonly removalStore: RemovalStore,
  ) {
    this.loop = new LeasedLoop(new Lease(database, 'auth'), () => this.work());
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.loop.stop();
  }

  private work(): Promise<void> {
    return asSystem('auth', { key: randomUUID(), timeoutMs: ROUND_MS }, async () => {
      await this.removals.resume();
      await this.keys.rotateIfDue();
      if (performance.now() - this.sweptAt < HOUR_MS) return;
      this.sweptAt = performance.now();
      while ((await this.sessions.sweep(KEEP_DAYS)) > 0);
      await this.links.sweep(KEEP_DAYS);
      await this.removalStore.sweep(KEEP_DAYS);
    });
  }
}
