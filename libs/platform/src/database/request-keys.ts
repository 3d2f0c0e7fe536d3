import { createHash } from 'node:crypto';
import { KeyReused } from '../contract/error';
import type { Database, Queryable, Transaction } from './database';
import { sql } from './sql';

export interface KeyedRequest {
  readonly userId: string;
  /** Chosen by the client, or by the edge; at most 255 characters. */
  readonly key: string;
  /** `message.send` */
  readonly operation: string;
  /** What the client sent; only a hash of it is kept. */
  readonly body: unknown;
  readonly ttlMs: number;
}

/**
 * Runs `work` once per user and key. Its effect, the key and the answer (JSON) are one transaction, so a repeat gets the first
 * answer or, if the first was rolled back, is the first. A repeat at the same time waits for it.
 *
 * @throws KeyReused
 */
export async function once<T>(tx: Transaction, request: KeyedRequest, work: () => Promise<T>): Promise<T> {
  const { userId, key, operation, ttlMs } = request;
  const bodyHash = hashBody(request.body);
  // Waits for an uncommitted row of the same key. A side table is a table on every data home, so DO UPDATE is allowed here.
  const [taken] = await tx.query(sql`
    INSERT INTO request_keys AS kept (user_id, key, operation, body_hash, expires_at)
    VALUES (${userId}, ${key}, ${operation}, ${bodyHash}, now() + ${ttlMs} * interval '1 millisecond')
    ON CONFLICT (user_id, key) DO UPDATE
      SET operation = excluded.operation, body_hash = excluded.body_hash, answer = NULL, created_at = now(), expires_at = excluded.expires_at
      WHERE kept.expires_at <= now()
    RETURNING key`);
  if (taken === undefined) {
    const kept = await findAnswer<T>(tx, request);
    // Swept between the two statements: the key is free, and nothing has been done yet.
    return kept === undefined ? once(tx, request, work) : kept;
  }
  const answer = await work();
  await tx.query(sql`
    UPDATE request_keys SET answer = ${JSON.stringify(answer ?? null)} WHERE user_id = ${userId} AND key = ${key}`);
  return answer;
}

/**
 * The answer that `once` has kept for this request, if it was made before.
 *
 * @throws KeyReused
 */
export async function findAnswer<T>(database: Queryable, { userId, key, operation, body }: KeyedRequest): Promise<T | undefined> {
  const [kept] = await database.query<{ operation: string; body_hash: string; answer: T }>(sql`
    SELECT operation, body_hash, answer FROM request_keys WHERE user_id = ${userId} AND key = ${key}`);
  if (kept && (kept.operation !== operation || kept.body_hash !== hashBody(body))) throw KeyReused();
  return kept?.answer;
}

/** SHA-256 of the JSON with the keys of each object sorted: the same for equal values, however they were written. */
export function hashBody(value: unknown): string {
  return createHash('sha256')
    .update(sortedJson(value) ?? '')
    .digest('base64url');
}

/** As JSON.stringify writes it; which, asked to sort with a function for each key, takes several times as long. */
function sortedJson(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || isDateLike(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => sortedJson(item) ?? 'null').join(',')}]`;
  const fields = value as Readonly<Record<string, unknown>>;
  let text = '';
  for (const key of Object.keys(fields).sort()) {
    const field = sortedJson(fields[key]);
    if (field !== undefined) text += `${text && ','}${JSON.stringify(key)}:${field}`;
  }
  return `{${text}}`;
}

/** Says itself how it is written; a field of that name, which anybody may send, does not. */
function isDateLike(value: object): boolean {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}

/** Removes expired keys, a thousand at a time. @returns how many */
export async function sweepRequestKeys(database: Database): Promise<number> {
  for (let swept = 0; ;) {
    const rows = await database.query(sql`
      DELETE FROM request_keys WHERE (user_id, key) IN (
        SELECT user_id, key FROM request_keys WHERE expires_at <= now() ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
      RETURNING key`);
    swept += rows.length;
    if (rows.length < 1_000) return swept;
  }
}
