import type { Database } from '../database/database';
import { sql } from '../database/sql';

export type InstanceKind = 'host' | 'edge' | 'worker';

/** What a process tells the others about itself. */
export interface Advertisement {
  /** New with every start. */
  readonly id: string;
  readonly kind: InstanceKind;
  /** Where calls for it are sent. */
  readonly queue: string;
  readonly build: string;
  /** Of its probes. */
  readonly url: string;
  /** What it serves. */
  readonly domains: readonly string[];
  /** The monolith that it was given; none if it was given none. */
  readonly legacy_url?: string | null;
  /** Likewise the database: server and name. */
  readonly legacy_database?: string | null;
}

/** A contract as it is kept: long, and the same for every process of a build. */
export interface StoredContract {
  readonly hash: string;
  readonly domain: string;
  readonly operations: unknown;
}

interface Row extends Advertisement {
  /** By domain, of every contract its build knows: the hash. */
  readonly contracts: Readonly<Record<string, string>>;
  readonly draining: boolean;
  /** Its last heartbeat is young enough. */
  readonly is_live: boolean;
  readonly heartbeat_at: string;
}

/** As others see it while they choose. `now` is the database's clock. */
export interface InstanceRow extends Row {
  readonly now: string;
}

/** As operators see it. */
export interface InstanceReport extends Row {
  /** The newest route change it follows. */
  readonly route_version: number;
  /** The newest decision about data homes that is in force there. */
  readonly data_home_version: number;
  readonly traffic: unknown;
  readonly started_at: string;
  /** Since its start, and since its last heartbeat. */
  readonly up_seconds: number;
  readonly silent_seconds: number;
}

/** What of host_db is in force in a process. */
export interface Followed {
  readonly routeVersion: number;
  readonly dataHomeVersion: number;
}

/** A process that was silent for longer is not sent anything. */
export const LIVE_MS = 3_000;
/** Long enough to be seen in `banyan status` after a crash. */
const FORGET_MS = 60_000;

/** Schema `banyan_host`: who is there. Time is the database's. Every call is bounded: a heartbeat that comes late is worth nothing. */
export class InstanceStore {
  private readonly limitMs: number;
  private readonly liveMs: number;
  private readonly forgetMs: number;

  constructor(
    private readonly database: Database,
    { limitMs = 1_000, liveMs = LIVE_MS, forgetMs = FORGET_MS }: { limitMs?: number; liveMs?: number; forgetMs?: number } = {},
  ) {
    this.limitMs = limitMs;
    this.liveMs = liveMs;
    this.forgetMs = forgetMs;
  }

  /** Writes the whole row, again after others have forgotten it. */
  async advertise(self: Advertisement, contracts: readonly StoredContract[], state: Followed & { draining: boolean }): Promise<void> {
    const hashes = JSON.stringify(Object.fromEntries(contracts.map(({ domain, hash }) => [domain, hash])));
    await this.database.transaction(async (tx) => {
      for (const { hash, domain, operations } of contracts) {
        await tx.query(sql`
          INSERT INTO banyan_host.contracts (hash, domain, operations) VALUES (${hash}, ${domain}, ${JSON.stringify(operations)})
          ON CONFLICT DO NOTHING`);
      }
      await tx.query(sql`
        INSERT INTO banyan_host.instances (id, kind, queue, build, url, domains, contracts, draining, route_version,
          data_home_version, traffic, legacy_url, legacy_database)
        VALUES (${self.id}, ${self.kind}, ${self.queue}, ${self.build}, ${self.url}, ${self.domains}, ${hashes}, ${state.draining},
                ${state.routeVersion}, ${state.dataHomeVersion}, '{}', ${self.legacy_url ?? null}, ${self.legacy_database ?? null})
        ON CONFLICT (id) DO UPDATE SET heartbeat_at = clock_timestamp(), draining = excluded.draining`);
      await tx.query(sql`SELECT pg_notify('banyan_host_changes', '')`);
    }, this.soon(5));
  }

  /** Also forgets those who have been silent for long. @returns false if others have forgotten this one: it must advertise again */
  async heartbeat(id: string, { routeVersion, dataHomeVersion }: Followed, traffic: unknown): Promise<boolean> {
    const rows = await this.database.query(
      sql`
        WITH forgotten AS (
          DELETE FROM banyan_host.instances WHERE id IN (
            SELECT id FROM banyan_host.instances
            WHERE heartbeat_at < clock_timestamp() - ${this.forgetMs} * interval '1 millisecond' AND id <> ${id}
            FOR UPDATE SKIP LOCKED)
        )
        UPDATE banyan_host.instances
        SET heartbeat_at = clock_timestamp(), route_version = ${routeVersion}, data_home_version = ${dataHomeVersion}, traffic = ${JSON.stringify(traffic)}
        WHERE id = ${id} RETURNING id`,
      this.soon(),
    );
    return rows.length > 0;
  }

  async drain(id: string): Promise<void> {
    await this.database.query(
      sql`
        WITH drained AS (UPDATE banyan_host.instances SET draining = true WHERE id = ${id})
        SELECT pg_notify('banyan_host_changes', '')`,
      this.soon(),
    );
  }

  async remove(id: string): Promise<void> {
    await this.database.query(
      sql`
        WITH removed AS (DELETE FROM banyan_host.instances WHERE id = ${id})
        SELECT pg_notify('banyan_host_changes', '')`,
      this.soon(),
    );
  }

  list(deadline = this.soon().deadline): Promise<InstanceRow[]> {
    return this.database.query<InstanceRow>(
      sql`
        SELECT id, kind, queue, build, url, domains, contracts, draining, heartbeat_at, clock_timestamp() AS now,
               heartbeat_at > clock_timestamp() - ${this.liveMs} * interval '1 millisecond' AS is_live
        FROM banyan_host.instances ORDER BY id`,
      { deadline },
    );
  }

  /** The eldest first. */
  report(): Promise<InstanceReport[]> {
    return this.database.query<InstanceReport>(sql`
      SELECT id, kind, queue, build, url, domains, contracts, draining, heartbeat_at, route_version, data_home_version, traffic, legacy_url, legacy_database,
             started_at, extract(epoch FROM clock_timestamp() - started_at)::float8 AS up_seconds,
             extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 AS silent_seconds,
             heartbeat_at > clock_timestamp() - ${this.liveMs} * interval '1 millisecond' AS is_live
      FROM banyan_host.instances ORDER BY started_at, id`);
  }

  contracts(hashes: readonly string[]): Promise<StoredContract[]> {
    return this.database.query<StoredContract>(
      sql`SELECT hash, domain, operations FROM banyan_host.contracts WHERE hash = ANY (${hashes})`,
      this.soon(),
    );
  }

  private soon(times = 1) {
    return { deadline: Date.now() + times * this.limitMs };
  }
}
