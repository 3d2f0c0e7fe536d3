import type { InitialRoutes } from '../config/routes';
import { StartupError } from '../config/startup-error';
import type { Settings } from '../config/table';
import { Routes, type RouteWeights } from '../dispatch/routes';
import type { RouteStore } from './route.store';

/** Which homes a process with these settings can reach beside its own. */
export interface Reach {
  /** AMQP_URL is set. */
  readonly remote: boolean;
  /** LEGACY_URL is set. */
  readonly legacy: boolean;
}

export function reachOf({ AMQP_URL, LEGACY_URL }: Settings): Reach {
  return { remote: AMQP_URL !== undefined, legacy: LEGACY_URL !== undefined };
}

/** The routes this process follows: what host_db says, and `ROUTES` for a domain that nobody has moved. */
export class RouteTable {
  readonly routes: Routes;
  /** Of the newest change among them; 0 if there is none. */
  version = 0;
  private versions: ReadonlyMap<string, number> = new Map();

  constructor(
    private readonly store: RouteStore,
    private readonly initial: InitialRoutes,
  ) {
    this.routes = new Routes(initial);
  }

  /** @throws DatabaseUnavailable, and the last ones stay in force */
  async refresh(deadline = Date.now() + 1_000): Promise<void> {
    const stored = await this.store.list(deadline);
    const moved = stored.map(({ domain, remote, local, legacy }) => [domain, { remote, local, legacy }]);
    this.routes.replace({ ...this.initial, ...Object.fromEntries(moved) });
    this.versions = new Map(stored.map(({ domain, version }) => [domain, version]));
    this.version = Math.max(0, ...this.versions.values());
  }

  /** Of the last change of a domain's route; 0 while `ROUTES` is in force. */
  versionOf(domain: string): number {
    return this.versions.get(domain) ?? 0;
  }

  /** A process that would have to refuse a part of its clients does not start. @throws StartupError */
  requireReach(reach: Reach): void {
    for (const domain of Object.keys(this.initial)) {
      const fault = unreachable(this.routes.weights(domain), reach);
      if (fault)
        throw new StartupError(
          `A part of ${domain} is routed to ${fault.home}, which needs ${fault.setting}: set it, or move ${domain} first (banyan route).`,
        );
    }
  }
}

/** The first home with weight that cannot be reached, and the setting it needs. */
export function unreachable(weights: RouteWeights, reach: Reach): { home: 'remote' | 'legacy'; setting: string } | undefined {
  if (weights.remote > 0 && !reach.remote) return { home: 'remote', setting: 'AMQP_URL' };
  if (weights.legacy > 0 && !reach.legacy) return { home: 'legacy', setting: 'LEGACY_URL' };
  return undefined;
}
