import { types } from 'node:util';
import { classify, sqlState } from './errors';

/** One sentence about why the server of `url` cannot be used and what to do; names no password. */
export function serverFault(error: unknown, url: string): string {
  const { host, user, database } = describe(url);
  const state = sqlState(error);
  const place = `PostgreSQL at ${host}`;
  if (state === '28P01' || state === '28000')
    return `${place} refuses the user "${user}": check the name and password in the database URL.`;
  if (state === '3D000') return `${place} has no database "${database}": create it, or let the user "${user}" create databases.`;
  if (state === '42501') return `${place} denies the user "${user}" a right it needs in "${database}": ${messageOf(error)}.`;
  if (state === '53300') return `${place} has no connection left: raise its max_connections or lower the pool sizes.`;
  if (state === '57P03') return `${place} is still starting or shutting down: try again in a moment.`;
  if (state === '55P03') return `Another process has been preparing the database "${database}" for too long: end it and start again.`;
  if (state === undefined && classify(error) === 'lost')
    return `${place} does not answer (${codeOf(error)}): start it, or correct the database URL.`;
  return `${place} cannot be used with the database "${database}": ${messageOf(error)}.`;
}

function describe(url: string): { host: string; user: string; database: string } {
  const { host, username, pathname } = new URL(url);
  return { host, user: decodeURIComponent(username), database: decodeURIComponent(pathname.slice(1)) };
}

function codeOf(error: unknown): string {
  return types.isNativeError(error) && 'code' in error && typeof error.code === 'string' ? error.code : 'timeout';
}

function messageOf(error: unknown): string {
  return types.isNativeError(error) ? error.message.replace(/\.$/, '') : String(error);
}
