import { type DomainEntry, type DomainName, domains } from '@banyan/domains';
import { type DatabaseName, databaseUrl, usesOwnServers } from '@banyan/platform/config/databases';
import { dotEnv, loadSettings, merged } from '@banyan/platform/config/settings';
import { StartupError } from '@banyan/platform/config/startup-error';
import type { Settings } from '@banyan/platform/config/table';
import { openDataSource } from '@banyan/platform/database/data-source';
import { Database } from '@banyan/platform/database/database';
import { readEmbeddedUrl } from '@banyan/platform/embedded/postgres';
import { DataHomeStore } from '@banyan/platform/host/data-home.store';
import type { HomeReach } from '@banyan/migration/homes/data-homes';
import type { DataSource } from 'typeorm';

/** The settings a server would start with here. @throws StartupError */
export const settingsHere = (): Settings => loadSettings(merged(process.env, dotEnv()));

export const domainsWithData = (Object.keys(domains) as DomainName[]).filter((domain) => (domains[domain] as DomainEntry).database);

/** What this command line reaches of the places where data can be. */
export async function homeReach(settings: Settings): Promise<HomeReach> {
  const { LEGACY_URL, LEGACY_DATABASE_URL } = settings;
  const embedded = usesOwnServers(settings) ? undefined : await readEmbeddedUrl(settings.DATA_DIR);
  return {
    legacy: LEGACY_URL !== undefined,
    legacyDatabaseUrl: LEGACY_DATABASE_URL,
    ownUrl: (name) => databaseUrl(settings, name) ?? (embedded && withPath(embedded, name)),
  };
}

/** Routes, data homes and instances. */
export function withHostDatabase<T>(settings: Settings, work: (database: Database) => Promise<T>): Promise<T> {
  return withDatabase(settings, 'host_db', 'banyan_host', work);
}

/** Where the data of a domain is at home. @param domain one that keeps data */
export async function withDomainDatabase<T>(settings: Settings, domain: DomainName, work: (database: Database) => Promise<T>): Promise<T> {
  const { database, schema, tableSet } = domains[domain] as DomainEntry & { readonly schema: string };
  const decisions = await withHostDatabase(settings, (host) => new DataHomeStore(host).list());
  const home = tableSet === undefined ? 'own' : (decisions.find(({ table_set }) => table_set === tableSet)?.home ?? 'none');
  if (home === 'none') throw new StartupError(`The data of ${domain} has no home yet: see banyan data.`);
  if (home === 'own') return withDatabase(settings, database as DatabaseName, schema, work);
  const url = settings.LEGACY_DATABASE_URL;
  if (!url) throw new StartupError(`The data of ${domain} is in the legacy database: set LEGACY_DATABASE_URL.`);
  return withSource(await openDataSource({ url, schema, role: schema, poolSize: 2, applicationName: 'banyan cli' }), work);
}

/** Connects to what a server has made; makes nothing itself. @throws StartupError when it cannot be reached */
async function withDatabase<T>(
  settings: Settings,
  name: DatabaseName,
  schema: string,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const url = databaseUrl(settings, name) ?? (await embeddedUrl(settings, name));
  const source = await openDataSource({ url, schema, role: schema, poolSize: 2, applicationName: 'banyan cli' }).catch((error: unknown) => {
    if (usesOwnServers(settings)) throw error;
    throw new StartupError(`No server runs on ${settings.DATA_DIR}: start it (npm start), or set DATABASE_URL.`, { cause: error });
  });
  return withSource(source, work);
}

async function withSource<T>(source: DataSource, work: (database: Database) => Promise<T>): Promise<T> {
  try {
    return await work(new Database(() => source));
  } finally {
    await source.destroy();
  }
}

async function embeddedUrl({ DATA_DIR }: Settings, name: DatabaseName): Promise<string> {
  const server = await readEmbeddedUrl(DATA_DIR);
  if (!server) throw new StartupError(`There is no database in ${DATA_DIR}: start a server (npm start), or set DATABASE_URL or DATA_DIR.`);
  return withPath(server, name);
}

function withPath(server: string, name: DatabaseName): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
