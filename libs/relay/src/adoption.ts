import type { Database } from '@banyan/platform/database/database';
import { DatabaseUnavailable } from '@banyan/platform/database/errors';
import { sql } from '@banyan/platform/database/sql';
import type { RouteWeights } from '@banyan/platform/dispatch/routes';
import { InstanceStore } from '@banyan/platform/host/instance.store';
import type { RouteTable } from '@banyan/platform/host/route-table';

export type Side = 'legacy' | 'own';

/** `fed`: messages may come into it. `open`: none any more, and it was not seen empty. `over`: it was. */
export type QueueState = 'fed' | 'open' | 'over';

/** Where the taking over of both queues stands while the route of relay has that version and these weights. @throws DatabaseUnavailable */
export async function queueStates(host: Database, version: number, weights: RouteWeights): Promise<Record<Side, QueueState>> {
  const seen = await seenEmpty(host);
  const state = (side: Side): QueueState => {
    const { route, isFed } = routeTo(side, version, weights);
    return isFed ? 'fed' : seen.get(side) === route ? 'over' : 'open';
  };
  return { legacy: state('legacy'), own: state('own') };
}

/** How long a "not yet" is believed, in this process. */
const LOOK_MS = 2_000;

/**
 * Whether messages may still wait in a queue: in the monolith's memory, or in ours. Both are asked for everybody as long as both may
 * hold something: while a part of relay is routed there, and afterwards until the queue was seen empty. That is written down in host_db
 * for the route that was in force then; another route makes the question open again.
 */
export class Adoption {
  private readonly empty = new Map<Side, string>();
  private readonly lookedAt = new Map<Side, number>();
  private readonly instances: InstanceStore;

  constructor(
    private readonly host: Database,
    private readonly routes: RouteTable,
  ) {
    this.instances = new InstanceStore(host);
  }

  /** Cheap: host_db is asked each two seconds at most. While it is away, the answer is yes. */
  async mayHold(side: Side): Promise<boolean> {
    const { route, isFed } = this.routeTo(side);
    if (isFed) return true;
    if (this.empty.get(side) !== route && this.mayLook(side)) await this.look().catch(ignoreAway);
    return this.empty.get(side) !== route;
  }

  /**
   * Writes down that a queue is over, if nothing can come into it any more: no part of relay is routed there, every live process knows
   * that, and `isEmpty`, which is asked after that, says so.
   */
  async finish(side: Side, isEmpty: () => Promise<boolean>): Promise<void> {
    const { route, isFed, version } = this.routeTo(side);
    if (isFed) return;
    const live = (await this.instances.report()).filter(({ is_live }) => is_live);
    if (!live.every(({ route_version }) => route_version >= version) || !(await isEmpty())) return;
    if (this.routeTo(side).route !== route) return; // moved meanwhile
    await this.host.query(sql`
      INSERT INTO banyan_host.relay_queues (side, empty_under) VALUES (${side}, ${route})
      ON CONFLICT (side) DO UPDATE SET empty_under = excluded.empty_under, seen_at = clock_timestamp()`);
    this.empty.set(side, route);
  }

  private async look(): Promise<void> {
    for (const [side, route] of await seenEmpty(this.host)) this.empty.set(side, route);
  }

  private mayLook(side: Side): boolean {
    const now = performance.now();
    if (now - (this.lookedAt.get(side) ?? -Infinity) < LOOK_MS) return false;
    this.lookedAt.set(side, now);
    return true;
  }

  private routeTo(side: Side) {
    return routeTo(side, this.routes.versionOf('relay'), this.routes.routes.weights('relay'));
  }
}

/** The route under which a queue was last seen empty, when nothing could come into it any more. */
async function seenEmpty(host: Database): Promise<Map<Side, string>> {
  const rows = await host.query<{ side: Side; empty_under: string }>(sql`SELECT side, empty_under FROM banyan_host.relay_queues`);
  return new Map(rows.map(({ side, empty_under }) => [side, empty_under]));
}

function routeTo(side: Side, version: number, { remote, local, legacy }: RouteWeights) {
  return { version, route: `${version}: ${remote}, ${local}, ${legacy}`, isFed: side === 'legacy' ? legacy > 0 : remote + local > 0 };
}

function ignoreAway(error: unknown): void {
  if (!(error instanceof DatabaseUnavailable)) throw error;
}
