import type { Database, Transaction } from '../database/database';
import { sql } from '../database/sql';
import type { Weights } from './route.store';

/** Which database holds a table set: the domains' own, or the legacy one through views. `none`: nobody has decided, so nobody works on it. */
export type DataHome = 'none' | 'own' | 'legacy';

/** The last decision about a table set: what, who, when, why, and what it was before. */
export interface StoredDataHome {
  readonly table_set: string;
  readonly home: DataHome;
  readonly previous: DataHome;
  /** Rises with every decision about any table set. */
  readonly version: number;
  readonly changed_at: string;
  readonly changed_by: string;
  readonly reason: string;
}

export interface DataHomeChange {
  readonly table_sets: readonly string[];
  readonly home: DataHome;
  /** Who, for people: `cli ada@host`. */
  readonly by: string;
  readonly why: string;
  /** What the operator saw, for each of `table_sets`. */
  readonly expected: Readonly<Record<string, DataHome>>;
}

/** Schema `banyan_host`: data homes and their history. */
export class DataHomeStore {
  constructor(private readonly database: Database) {}

  list(deadline?: number): Promise<StoredDataHome[]> {
    return this.database.query<StoredDataHome>(
      sql`SELECT version, table_set, home, previous, changed_at, changed_by, reason FROM banyan_host.data_homes ORDER BY table_set`,
      { deadline },
    );
  }

  /** For those of the table sets that nobody has decided about; of several processes that start at once, the first one is right. */
  async decide(tableSets: readonly string[], { home, by, why }: Pick<DataHomeChange, 'home' | 'by' | 'why'>): Promise<void> {
    await this.database.transaction(async (tx) => {
      await this.lock(tx);
      const decided = await this.homesOf(tx, tableSets);
      const undecided = tableSets.filter((name) => !decided.has(name));
      if (undecided.length > 0) await this.write(tx, { table_sets: undecided, home, by, why });
    });
  }

  /**
   * Compare and change in one transaction; the processes hear of it when it is committed. `permits` judges by the routes that are in
   * force then and stay so until the commit; what it throws leaves everything as it was.
   *
   * @returns the version of the change; undefined if somebody else has decided meanwhile
   */
  change({ expected, ...change }: DataHomeChange, permits: (moved: ReadonlyMap<string, Weights>) => void): Promise<number | undefined> {
    return this.database.transaction(async (tx) => {
      await this.lock(tx);
      const routes = await tx.query<Weights & { domain: string }>(sql`SELECT domain, remote, local, legacy FROM banyan_host.routes`);
      permits(new Map(routes.map(({ domain, ...weights }) => [domain, weights])));
      const found = await this.homesOf(tx, change.table_sets);
      if (change.table_sets.some((name) => (found.get(name) ?? 'none') !== expected[name])) return undefined;
      return this.write(tx, change);
    });
  }

  /** Routes first, as whoever moves a route does. One decision at a time, so that versions are committed in their order. */
  private async lock(tx: Transaction): Promise<void> {
    await tx.query(sql`LOCK TABLE banyan_host.routes, banyan_host.data_homes IN SHARE ROW EXCLUSIVE MODE`);
  }

  private async homesOf(tx: Transaction, tableSets: readonly string[]): Promise<Map<string, DataHome>> {
    const rows = await tx.query<{ table_set: string; home: DataHome }>(
      sql`SELECT table_set, home FROM banyan_host.data_homes WHERE table_set = ANY (${tableSets})`,
    );
    return new Map(rows.map((row) => [row.table_set, row.home]));
  }

  private async write(tx: Transaction, { table_sets, home, by, why }: Omit<DataHomeChange, 'expected'>): Promise<number> {
    const [made] = await tx.query<{ version: number }>(sql`
      WITH change AS (
        INSERT INTO banyan_host.data_home_changes (table_set, home, previous, changed_by, reason)
        SELECT name, ${home}, coalesce((SELECT h.home FROM banyan_host.data_homes h WHERE h.table_set = name), 'none'), ${by}, ${why}
        FROM unnest(${table_sets}::text[]) name RETURNING *
      ), kept AS (
        INSERT INTO banyan_host.data_homes (table_set, home, previous, changed_by, reason, changed_at, version)
        SELECT table_set, home, previous, changed_by, reason, changed_at, version FROM change
        ON CONFLICT (table_set) DO UPDATE SET
          (home, previous, changed_by, reason, changed_at, version) =
          (excluded.home, excluded.previous, excluded.changed_by, excluded.reason, excluded.changed_at, excluded.version)
      )
      SELECT max(version) AS version FROM change`);
    await tx.query(sql`SELECT pg_notify('banyan_host_changes', '')`);
    return made!.version;
  }
}
