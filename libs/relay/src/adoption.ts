import type { Database } from '@banyan/platform/database/database';
import { DatabaseUnavailable } from '@banyan/platform/database/errors';
import { sql } from '@banyan/platform/database/sql';
import type { RouteWeights } from '@banyan/platform/dispatch/routes';
import { InstanceStore } from '@banyan/platform/host/instance.store';
import type { RouteTable } from '@banyan/platform/host/route-table';

/** Of the monolith's queue. `fed`: messages may come into it. `open`: none any more, and it was not seen empty. `over`: it was. */
export type AdoptionState = 'fed' | 'open' | 'over';

/** How far the taking over is while the route of relay has that version and these weights. @throws DatabaseUnavailable */
export async function adoptionState(host: Database, version: number, weights: RouteWeights): Promise<AdoptionState> {
  if (weights.legacy > 0) return 'fed';
  return (await emptyUnder(host)) === asText(version, weights) ? 'over' : 'open';
}

/** How long a "not yet" is believed, in this process. */
const LOOK_MS = 2_000;

/**
 * Whether messages may still wait in the monolith's memory. It is asked as long as it may hold something: while a part of relay is
 * routed there, and afterwards until its queue was seen empty. That is written down in host_db for the route that was in force then;
 * another route makes the question open again.
 */
export class Adoption {
  private empty: string | undefined;
  private lookedAt = -Infinity;
  private readonly instances: InstanceStore;

  constructor(
    private readonly host: Database,
    private readonly routes: RouteTable,
  ) {
    this.instances = new InstanceStore(host);
  }

  /** Cheap: host_db is asked each two seconds at most. While it is away, the answer is yes. */
  async mayHold(): Promise<boolean> {
    const { route, isFed } = this.route();
    if (isFed) return true;
    if (this.empty !== route && this.mayLook()) await this.look().catch(ignoreAway);
    return this.empty !== route;
  }

  /**
   * Writes down that the queue is over, if nothing can come into it any more: no part of relay is routed there, every live process knows
   * that, and `isEmpty`, which is asked after that, says so.
   */
  async finish(isEmpty: () => Promise<boolean>): Promise<void> {
    const { route, isFed, version } = this.route();
    if (isFed) return;
    const live = (await this.instances.report()).filter(({ is_live }) => is_live);
    if (!live.every(({ route_version }) => route_version >= version) || !(await isEmpty())) return;
    if (this.route().route !== route) return; // moved meanwhile
    await this.host.query(sql`
      INSERT INTO banyan_host.relay_queues (side, empty_under) VALUES ('legacy', ${route})
      ON CONFLICT (side) DO UPDATE SET empty_under = excluded.empty_under, seen_at = clock_timestamp()`);
    this.empty = route;
  }

  private async look(): Promise<void> {
    this.empty = await emptyUnder(this.host);
  }

  private mayLook(): boolean {
    const now = performance.now();
    if (now - this.lookedAt < LOOK_MS) return false;
    this.lookedAt = now;
    return true;
  }

  private route() {
    const version = this.routes.versionOf('relay');
    const weights = this.routes.routes.weights('relay');
    return { version, route: asText(version, weights), isFed: weights.legacy > 0 };
  }
}

/** The route under which the queue was last seen empty, when nothing could come into it any more. */
async function emptyUnder(host: Database): Promise<string | undefined> {
  const [row] = await host.query<{ empty_under: string }>(sql`SELECT empty_under FROM banyan_host.relay_queues WHERE side = 'legacy'`);
  return row?.empty_under;
}

const asText = (version: number, { remote, local, legacy }: RouteWeights): string => `${version}: ${remote}, ${local}, ${legacy}`;

function ignoreAway(error: unknown): void {
  if (!(error instanceof DatabaseUnavailable)) throw error;
}
