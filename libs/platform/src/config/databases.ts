import { type DomainEntry, domains } from '@banyan/domains';
import type { Settings } from './table';

/** `auth_db` and so on, one for each domain that keeps data, and `host_db` for routes and instances. */
export type DatabaseName = 'auth_db' | 'user_db' | 'message_db' | 'group_db' | 'media_db' | 'notification_db' | 'host_db';

export type DatabaseSetting = keyof Settings & `${string}_DATABASE_URL`;

/** False: nothing in the settings names a server, so the embedded one is used for every database. */
export function usesOwnServers(settings: Settings): boolean {
  return settings.DATABASE_URL !== undefined || neededDatabases(settings).some((name) => settings[settingOf(name)] !== undefined);
}

/** The databases this process works with. */
export function neededDatabases({ SERVE }: Settings): DatabaseName[] {
  const own = SERVE.domains.map((domain) => (domains[domain] as DomainEntry).database as DatabaseName | undefined);
  return ['host_db', ...own.filter((name) => name !== undefined)];
}

/** The address of one database: its own setting, or that database on the server of DATABASE_URL; undefined means the embedded server. */
export function databaseUrl(settings: Settings, name: DatabaseName): string | undefined {
  const own = settings[settingOf(name)];
  if (own !== undefined || settings.DATABASE_URL === undefined) return own;
  const url = new URL(settings.DATABASE_URL);
  url.pathname = `/${name}`;
  return url.href;
}

export const settingOf = (name: DatabaseName) => `${name.slice(0, -'_db'.length).toUpperCase()}_DATABASE_URL` as DatabaseSetting;
