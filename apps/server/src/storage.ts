import { type DomainEntry, domains } from '@banyan/domains';
import { type DatabaseName, databaseUrl, settingOf, usesOwnServers } from '@banyan/platform/config/databases';
import type { Settings } from '@banyan/platform/config/table';
import { StartupError } from '@banyan/platform/config/startup-error';
import { openDataSource } from '@banyan/platform/database/data-source';
import { prepareDatabase } from '@banyan/platform/database/migrate';
import { startEmbeddedPostgres } from '@banyan/platform/embedded/postgres';
import { Databases } from '@banyan/platform/nest/databases';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { DataSource } from 'typeorm';
import { migrations } from '../../../migrations/registry';

/** Connections each domain may have open; with six domains and a few processes well below a server's usual hundred. */
const POOL_SIZE = 8;

export interface Storage {
  readonly databases: Databases;
  readonly sources: ReadonlyMap<string, DataSource>;
  close(): Promise<void>;
}

/** Start PostgreSQL if none is named, bring the databases of this process's domains up to date, connect. */
export async function openStorage(settings: Settings, log: Logger): Promise<Storage> {
  const embedded = usesOwnServers(settings)
    ? undefined
    : await startEmbeddedPostgres({ dataDir: settings.DATA_DIR, log: { info: (text) => log.info(text), warn: (text) => log.warn(text) } });
  const databases = new Databases();
  const sources = new Map<string, DataSource>();
  const close = async () => {
    await Promise.allSettled([...sources.values()].map((source) => source.destroy()));
    await embedded?.stop();
  };
  try {
    await Promise.all(
      settings.SERVE.domains.map(async (domain) => {
        const { database, schema } = domains[domain] as DomainEntry;
        const histories = migrations[domain];
        if (!database || !schema || !histories) return;
        const url = databaseUrl(settings, database as DatabaseName) ?? embedded?.url;
        if (!url) throw new StartupError(`Set DATABASE_URL, or ${settingOf(database as DatabaseName)} for the data of ${domain}.`);
        const prepared = await prepareDatabase({ url: withDatabase(url, database, settings), schema, role: schema, histories });
        const source = await openDataSource({
          url: prepared,
          schema,
          role: schema,
          poolSize: POOL_SIZE,
          applicationName: `banyan ${domain}`,
        });
        sources.set(domain, source);
        databases.add(domain, () => source);
      }),
    );
  } catch (error) {
    await close();
    throw error;
  }
  return { databases, sources, close };
}

/** The embedded server's address names no database of ours; a setting does. */
function withDatabase(url: string, database: string, settings: Settings): string {
  if (databaseUrl(settings, database as DatabaseName)) return url;
  const target = new URL(url);
  target.pathname = `/${database}`;
  return target.href;
}
