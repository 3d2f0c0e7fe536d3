import { type DomainEntry, type DomainName, domains } from '@banyan/domains';
import { type DatabaseName, databaseUrl, settingOf, usesOwnServers } from '@banyan/platform/config/databases';
import type { Settings } from '@banyan/platform/config/table';
import { StartupError } from '@banyan/platform/config/startup-error';
import { Database } from '@banyan/platform/database/database';
import { openDataSource } from '@banyan/platform/database/data-source';
import { prepareDatabase } from '@banyan/platform/database/migrate';
import { startEmbeddedPostgres } from '@banyan/platform/embedded/postgres';
import { Databases } from '@banyan/platform/nest/databases';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { DataSource } from 'typeorm';
import { migrations } from '../../../migrations/registry';

/** Connections each domain may have open; with six domains and a few processes well below a server's usual hundred. */
const POOL_SIZE = 8;
/** One for following, one for operators. */
const HOST_POOL_SIZE = 2;

export interface Storage {
  readonly databases: Databases;
  /** host_db, which every process shares. It is not among `sources`: a process that has started serves without it. */
  readonly host: Database;
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
  const open: DataSource[] = [];
  const close = async () => {
    await Promise.allSettled(open.map((source) => source.destroy()));
    await embedded?.stop();
  };
  const connect = async (name: DomainName | 'host', database: DatabaseName, schema: string, poolSize: number) => {
    const url = databaseUrl(settings, database) ?? embedded?.url;
    if (!url) throw new StartupError(`Set DATABASE_URL, or ${settingOf(database)} for the data of ${name}.`);
    const histories = migrations[name] ?? { side: [] };
    const prepared = await prepareDatabase({ url: withDatabase(url, database, settings), schema, role: schema, histories });
    const source = await openDataSource({ url: prepared, schema, role: schema, poolSize, applicationName: `banyan ${name}` });
    open.push(source);
    return source;
  };
  try {
    const host = connect('host', 'host_db', 'banyan_host', HOST_POOL_SIZE);
    const opening = settings.SERVE.domains.map(async (domain) => {
      const { database, schema } = domains[domain] as DomainEntry;
      if (!database || !schema || !migrations[domain]) return;
      const source = await connect(domain, database as DatabaseName, schema, POOL_SIZE);
      sources.set(domain, source);
      databases.add(domain, () => source);
    });
    const failed = (await Promise.allSettled([host, ...opening])).find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const hostSource = await host;
    return { databases, host: new Database(() => hostSource), sources, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The embedded server's address names no database of ours; a setting does. */
function withDatabase(url: string, database: string, settings: Settings): string {
  if (databaseUrl(settings, database as DatabaseName)) return url;
  const target = new URL(url);
  target.pathname = `/${database}`;
  return target.href;
}
