import type { Database } from '../database/database';
import { DatabaseUnavailable } from '../database/errors';
import { Listener } from '../events/listener';
import type { Logger } from '../telemetry/log';
import type { Traffic } from '../telemetry/traffic';
import { type Advertisement, type InstanceStore, type StoredContract } from './instance.store';
import type { DataHomeTable } from './data-home-table';
import type { InstanceRegistry } from './instance-registry';
import type { RouteTable } from './route-table';

export interface MembershipParts {
  readonly database: Database;
  readonly store: InstanceStore;
  readonly routes: RouteTable;
  readonly dataHomes: DataHomeTable;
  readonly instances: InstanceRegistry;
  /** Of every domain this build knows. */
  readonly contracts: readonly StoredContract[];
  readonly traffic: Traffic;
  readonly log: Logger;
}

/** A little less than a second, so that a change whose announcement was lost is followed within one. */
const TICK_MS = 750;
/** Who starts has time to wait for a busy database. */
const START_MS = 10_000;

/**
 * This process among the others: follows routes, data homes and instances, tells that it lives and what it serves. It hears of changes at once
 * and looks by itself at each tick. While host_db is away everything stays as it was, and goes on by itself afterwards.
 */
export class Membership {
  private readonly stopping = new AbortController();
  private readonly listener: Listener;
  private running: Promise<void> | undefined;
  private self: Advertisement | undefined;
  private isDraining = false;
  private isAway = false;
  private isWoken = false;
  private alarm: (() => void) | undefined;

  constructor(
    private readonly parts: MembershipParts,
    private readonly tickMs = TICK_MS,
  ) {
    this.listener = new Listener(parts.database, () => this.wake(), { topic: 'changes', retryMs: tickMs });
  }

  /** Resolves when routes, data homes and instances are known. @throws DatabaseUnavailable */
  async follow(): Promise<void> {
    const deadline = Date.now() + START_MS;
    await this.parts.routes.refresh(deadline);
    await this.parts.dataHomes.refresh(deadline);
    await this.parts.instances.refresh(deadline);
    this.listener.start();
    this.running = this.run();
  }

  /** From now on this process is called. @throws DatabaseUnavailable */
  async advertise(self: Advertisement): Promise<void> {
    await this.parts.store.advertise(self, this.parts.contracts, this.state());
    this.self = self;
  }

  /** Nobody who hears of it sends anything more; whoever does not, finds out from the answer. */
  async drain(): Promise<void> {
    this.isDraining = true;
    const { self } = this;
    if (self) await this.attempt(() => this.parts.store.drain(self.id));
  }

  async leave(): Promise<void> {
    this.stopping.abort();
    this.wake();
    this.listener.stop();
    await this.running;
    const { self } = this;
    if (self) await this.attempt(() => this.parts.store.remove(self.id));
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await this.nextWake();
      if (this.stopping.signal.aborted) return;
      await this.attempt(() => this.step());
    }
  }

  private async step(): Promise<void> {
    const { routes, dataHomes, instances, store, contracts, traffic } = this.parts;
    await routes.refresh();
    await dataHomes.refresh();
    // After the routes, so that the others see which of them this process follows; before the instances, so that it sees itself.
    if (this.self && !(await store.heartbeat(this.self.id, this.followed, traffic.report()))) {
      await store.advertise(this.self, contracts, this.state());
    }
    await instances.refresh();
  }

  private state() {
    return { draining: this.isDraining, ...this.followed };
  }

  private get followed() {
    return { routeVersion: this.parts.routes.version, dataHomeVersion: this.parts.dataHomes.version };
  }

  private wake(): void {
    this.isWoken = true;
    this.alarm?.();
  }

  private async nextWake(): Promise<void> {
    if (!this.isWoken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.tickMs);
        this.alarm = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.alarm = undefined;
    this.isWoken = false;
  }

  private async attempt(step: () => Promise<void>): Promise<void> {
    const { log } = this.parts;
    try {
      await step();
      if (this.isAway) log.info('host_db is back');
      this.isAway = false;
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) return log.error({ err: error }, 'following host_db failed');
      if (!this.isAway) log.warn('host_db is away; the last routes, data homes and instances stay in force');
      this.isAway = true;
    }
  }
}
