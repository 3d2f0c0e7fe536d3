import type { Database } from '../database/database';
import { sql } from '../database/sql';

export interface Weights {
  readonly remote: number;
  readonly local: number;
  readonly legacy: number;
}

/** The last change of a domain's route: what, who, when, why, and what it was before. */
export interface StoredRoute extends Weights {
  readonly domain: string;
  /** Rises with every change of any domain. */
  readonly version: number;
  readonly previous: Weights;
  readonly changed_at: string;
  readonly changed_by: string;
  readonly reason: string;
}

export interface RouteChange extends Weights {
  readonly domain: string;
  /** Who, for people: `user 5f0c…`, `cli ada@host`. */
  readonly by: string;
  readonly why: string;
  /** Where the domain is if nobody has moved it yet. */
  readonly initial: Weights;
  /** The change is only right for somebody who saw this; without it, it is made whatever is there. */
  readonly expected?: Weights;
}

/** `conflict`: somebody else moved it meanwhile. `same`: it was there already. `before` is what was found. */
export interface ChangeResult {
  readonly outcome: 'changed' | 'same' | 'conflict';
  readonly before: Weights;
  /** Of the change, or of the last one. 0: never changed. */
  readonly version: number;
}

/** Schema `banyan_host`: routes and their history. */
export class RouteStore {
  constructor(private readonly database: Database) {}

  list(deadline?: number): Promise<StoredRoute[]> {
    return this.database.query<StoredRoute>(
      sql`SELECT version, domain, remote, local, legacy, previous, changed_at, changed_by, reason FROM banyan_host.routes`,
      { deadline },
    );
  }

  /** The newest first. */
  history(domain: string | undefined, limit: number): Promise<StoredRoute[]> {
    return this.database.query<StoredRoute>(sql`
      SELECT version, domain, remote, local, legacy, previous, changed_at, changed_by, reason FROM banyan_host.route_changes
      WHERE ${domain ?? null}::text IS NULL OR domain = ${domain ?? null} ORDER BY version DESC LIMIT ${limit}`);
  }

  /** Compare and change in one transaction; the processes hear of it when it is committed. @throws DatabaseUnavailable */
  change({ domain, by, why, initial, expected, ...after }: RouteChange): Promise<ChangeResult> {
    return this.database.transaction(async (tx) => {
      // One change at a time, so that versions are committed in their order and a first change has no row to wait for. Readers are not held.
      await tx.query(sql`LOCK TABLE banyan_host.routes IN SHARE ROW EXCLUSIVE MODE`);
      const [row] = await tx.query<Weights & { version: number }>(
        sql`SELECT remote, local, legacy, version FROM banyan_host.routes WHERE domain = ${domain}`,
      );
      const before = row ? { remote: row.remote, local: row.local, legacy: row.legacy } : initial;
      if (isSame(before, after)) return { outcome: 'same', before, version: row?.version ?? 0 };
      if (expected && !isSame(before, expected)) return { outcome: 'conflict', before, version: row?.version ?? 0 };
      const [made] = await tx.query<{ version: number }>(sql`
        WITH change AS (
          INSERT INTO banyan_host.route_changes (domain, remote, local, legacy, previous, changed_by, reason)
          VALUES (${domain}, ${after.remote}, ${after.local}, ${after.legacy}, ${JSON.stringify(before)}, ${by}, ${why}) RETURNING *
        )
        INSERT INTO banyan_host.routes (domain, remote, local, legacy, previous, changed_by, reason, changed_at, version)
        SELECT domain, remote, local, legacy, previous, changed_by, reason, changed_at, version FROM change
        ON CONFLICT (domain) DO UPDATE SET
          (remote, local, legacy, previous, changed_by, reason, changed_at, version) =
          (excluded.remote, excluded.local, excluded.legacy, excluded.previous, excluded.changed_by, excluded.reason, excluded.changed_at, excluded.version)
        RETURNING version`);
      await tx.query(sql`SELECT pg_notify('banyan_host_changes', '')`);
      return { outcome: 'changed', before, version: made!.version };
    });
  }
}

function isSame(a: Weights, b: Weights): boolean {
  return a.remote === b.remote && a.local === b.local && a.legacy === b.legacy;
}
