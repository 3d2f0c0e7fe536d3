import { type DomainEntry, type DomainName, domainNames, domains } from '@banyan/domains';
import type { DatabaseName } from '@banyan/platform/config/databases';
import type { Settings } from '@banyan/platform/config/table';
import type { DataHome } from '@banyan/platform/host/data-home.store';
import type { InstanceReport } from '@banyan/platform/host/instance.store';
import type { HomeReach } from '../homes/data-homes';

/** Settings that belong together, as one process sees them, and what host_db says of all processes. */
export interface Sight {
  readonly settings: Settings;
  /** Undefined if that cannot be told here. */
  readonly secret?: string;
  readonly reach: HomeReach;
  /** By table set; empty while host_db is away. */
  readonly homes: ReadonlyMap<string, DataHome>;
  readonly processes: readonly InstanceReport[];
}

/** A database that the processes work with, and the roles that they take on there, each named as its schema. */
export interface DatabasePlace {
  readonly name: string;
  readonly url: string;
  readonly roles: readonly string[];
}

export const LEGACY_DATABASE = 'legacy database';

/** Those in which data is at home now, host_db, and the legacy one as soon as it is named. */
export function databasePlaces({ settings, reach, homes }: Sight): DatabasePlace[] {
  const hostUrl = reach.ownUrl('host_db');
  const legacyUrl = settings.LEGACY_DATABASE_URL;
  const homeOf = (tableSet: string | undefined) => (tableSet === undefined ? 'own' : homes.get(tableSet));
  const at = (home: DataHome) => domainNames.map(entryOf).filter((entry) => entry !== undefined && homeOf(entry.tableSet) === home);
  const own = at('own').flatMap((entry) => {
    const url = reach.ownUrl(entry!.database);
    return url ? [{ name: entry!.database, url, roles: [entry!.schema] }] : [];
  });
  return [
    ...(hostUrl ? [{ name: 'host_db', url: hostUrl, roles: ['banyan_host'] }] : []),
    ...own,
    ...(legacyUrl ? [{ name: LEGACY_DATABASE, url: legacyUrl, roles: at('legacy').map((entry) => entry!.schema) }] : []),
  ];
}

function entryOf(domain: DomainName): { database: DatabaseName; schema: string; tableSet?: string } | undefined {
  const { database, schema, tableSet } = domains[domain] as DomainEntry;
  return database && schema ? { database: database as DatabaseName, schema, tableSet } : undefined;
}
