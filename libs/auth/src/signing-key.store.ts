import { Database } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';

export interface KeyRow {
  readonly kid: string;
  readonly jwk: Record<string, string>;
  /** The private key, sealed with a key that is not in this database. */
  readonly sealed: Buffer;
  /** Milliseconds since the epoch. */
  readonly signs_from: number;
}

/** What the database's clock says, with what it was asked about: processes need not agree on theirs. */
export interface KeyRing {
  readonly now: number;
  /** The youngest first. */
  readonly keys: readonly KeyRow[];
}

@Injectable()
export class SigningKeyStore {
  constructor(private readonly database: Database) {}

  async list(): Promise<KeyRing> {
    const rows = await this.database.query<Partial<KeyRow> & { now: number }>(sql`
      SELECT kid, jwk, sealed, (extract(epoch FROM signs_from) * 1000)::float8 AS signs_from,
        (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now
      FROM (SELECT) AS one LEFT JOIN banyan_auth.signing_keys ON true ORDER BY signs_from DESC, kid`);
    return { now: rows[0]!.now, keys: rows.filter(({ kid }) => kid !== null) as KeyRow[] };
  }

  /** Unless one that does not sign yet is there: two who think of it at once make one. @returns when it, or that one, signs */
  async insert(kid: string, jwk: object, sealed: Uint8Array, publishMs: number): Promise<{ kid: string; signs_from: string }> {
    return this.database.transaction(async (tx) => {
      await tx.query(sql`SELECT pg_advisory_xact_lock(hashtext('banyan_auth.signing_keys'))`);
      const [waiting] = await tx.query<{ kid: string; signs_from: string }>(sql`
        SELECT kid, signs_from FROM banyan_auth.signing_keys WHERE signs_from > clock_timestamp() LIMIT 1`);
      if (waiting) return waiting;
      const [row] = await tx.query<{ kid: string; signs_from: string }>(sql`
        INSERT INTO banyan_auth.signing_keys (kid, jwk, sealed, signs_from)
        VALUES (${kid}, ${JSON.stringify(jwk)}, ${sealed}, clock_timestamp() + ${publishMs} * interval '1 millisecond')
        RETURNING kid, signs_from`);
      return row!;
    });
  }

  /** Keys whose tokens have all ended. */
  async remove(kids: readonly string[]): Promise<void> {
    await this.database.query(sql`DELETE FROM banyan_auth.signing_keys WHERE kid = ANY (${kids})`);
  }
}
