import { types } from 'node:util';

/** Whether a failed call may have taken effect. */
export type Executed = 'no' | 'maybe';

/**
 * The database could not be used: refused, lost, overloaded, or silent until the deadline. `executed` says whether the change may
 * be there all the same; `cause` is the driver's error, for logs only.
 */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
  readonly code = 'database_unavailable';

  constructor(
    readonly executed: Executed,
    cause?: unknown,
  ) {
    super(executed === 'no' ? 'The database is unavailable; nothing was changed' : 'The database was lost before it confirmed', { cause });
  }
}

/**
 * What an error of the driver means:
 * - `conflict`: rolled back because of other transactions; the same work may succeed now
 * - `stale`: the connection's prepared statement no longer fits the tables (they were migrated); works on a fresh connection
 * - `refused`: the server answered that it did not do it (timeouts, out of resources, a standby)
 * - `lost`: the connection is gone or silent; only the moment of the loss tells whether something was executed
 * - `other`: the statement's own fault (data, constraint, program); passed on as it is
 */
export type Failure = 'conflict' | 'stale' | 'refused' | 'lost' | 'other';

/** The five characters of a PostgreSQL error, if it is one. */
export function sqlState(error: unknown): string | undefined {
  if (!types.isNativeError(error) || !('code' in error) || !('severity' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The values were at fault (22xxx: malformed, too long, not representable; 23xxx: a constraint), not the database or the program. */
export function isDataError(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error) ?? '');
}

export function classify(error: unknown): Failure {
  const state = sqlState(error);
  if (state === undefined) return isConnectionLoss(error) ? 'lost' : 'other';
  if (state === '40001' || state === '40P01') return 'conflict';
  if (state === '26000' || (state === '0A000' && isRevalidation(error))) return 'stale';
  // Administrator or crash shutdown, starting up, dropped, idle session or transaction ended.
  if (state.startsWith('08') || state.startsWith('57P') || state === '25P03' || state === '25P04') return 'lost';
  // Out of connections, memory or disk; cancelled by a timeout; a lock not granted in time; a standby that takes no writes.
  if (state.startsWith('53') || state === '57014' || state === '55P03' || state === '25006') return 'refused';
  return 'other';
}

function isRevalidation(error: unknown): boolean {
  return types.isNativeError(error) && 'routine' in error && error.routine === 'RevalidateCachedQuery';
}

/** The driver has no class or code for its own connection errors, only these sentences (pg 8.23, pg-pool 3.14). */
const driverLosses =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout exceeded|Cannot use a pool after)/;

function isConnectionLoss(error: unknown): boolean {
  // Not instanceof: sockets make their errors outside of a sandbox such as a test's.
  if (!types.isNativeError(error)) return false;
  return 'syscall' in error || driverLosses.test(error.message) || ('code' in error && error.code === 'EPIPE');
}
