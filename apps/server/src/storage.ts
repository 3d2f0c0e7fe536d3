import { type DomainEntry, type DomainName, domains } from '@banyan/domains';
import { type DatabaseName, databaseUrl, settingOf, usesOwnServers } from '@banyan/platform/config/databases';
import type { Settings } from '@banyan/platform/config/table';
import { StartupError } from '@banyan/platform/config/startup-error';
import type { HomeReach } from '@banyan/migration/homes/data-homes';
import { requirePrepared } from '@banyan/migration/prepare/prepared';
import { Database } from '@banyan/platform/database/database';
import { DatabaseUnavailable } from '@banyan/platform/database/errors';
import { openDataSource } from '@banyan/platform/database/data-source';
import type { DataHomeTable } from '@banyan/platform/host/data-home-table';
import { prepareDatabase } from '@banyan/platform/database/migrate';
import { startEmbeddedPostgres } from '@banyan/platform/embedded/postgres';
import { Databases } from '@banyan/platform/nest/databases';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { DataSource } from 'typeorm';
import { migrations } from '../../../migrations/registry';
import { DomainHomes } from './data-homes';

/** Connections each domain may have open; with six domains and a few processes well below a server's usual hundred. */
const POOL_SIZE = 8;
/** One for following, one for operators. */
const HOST_POOL_SIZE = 2;

export interface Storage {
  readonly databases: Databases;
  /** host_db, which every process shares. It is not among `sources`: a process that has started serves without it. */
  readonly host: Database;
  /** Opens the data homes of this process's domains, and follows them from then on. @throws StartupError */
  follow(table: DataHomeTable): Promise<void>;
  /** The places where data can be. */
  readonly reach: HomeReach;
  /** Of the domains whose data has a home. */
  sources(): ReadonlyMap<string, DataSource>;
  close(): Promise<void>;
}

/** Start PostgreSQL if none is named, open host_db. The domains' databases are opened by `follow`, which has to know where they are. */
export async function openStorage(settings: Settings, log: Logger): Promise<Storage> {
  const embedded = usesOwnServers(settings)
    ? undefined
    : await startEmbeddedPostgres({ dataDir: settings.DATA_DIR, log: { info: (text) => log.info(text), warn: (text) => log.warn(text) } });
  const databases = new Databases();
  const open: DataSource[] = [];
  let homes: DomainHomes | undefined;
  const close = async () => {
    await Promise.allSettled(open.map((source) => source.destroy()));
    await embedded?.stop();
  };
  const connect = async (url: string, name: DomainName | 'host', schema: string, poolSize: number) => {
    const source = await openDataSource({ url, schema, role: schema, poolSize, applicationName: `banyan ${name}` });
    open.push(source);
    return source;
  };
  const openOwn = async (name: DomainName | 'host', database: DatabaseName, schema: string, poolSize: number) => {
    const url = databaseUrl(settings, database) ?? embedded?.url;
    if (!url) throw new StartupError(`Set DATABASE_URL, or ${settingOf(database)} for the data of ${name}.`);
    const histories = migrations[name] ?? { side: [] };
    const prepared = await prepareDatabase({ url: withDatabase(url, database, settings), schema, role: schema, histories });
    return connect(prepared, name, schema, poolSize);
  };
  const openLegacy = async (domain: DomainName, { schema, tableSet }: DataEntry) => {
    const url = settings.LEGACY_DATABASE_URL;
    if (!url) throw new StartupError(`The data of ${domain} (${tableSet}) is in the legacy database: set LEGACY_DATABASE_URL.`);
    await requirePrepared(url, schema);
    await prepareDatabase({ url, schema, role: schema, histories: { side: migrations[domain]!.side } });
    return connect(url, domain, schema, POOL_SIZE);
  };
  const withData = settings.SERVE.domains.flatMap((domain) => {
    const { database, schema, tableSet } = domains[domain] as DomainEntry;
    return database && schema && migrations[domain] ? [[domain, { database, schema, tableSet } as DataEntry] as const] : [];
  });
  try {
    const hostSource = await openOwn('host', 'host_db', 'banyan_host', HOST_POOL_SIZE);
    for (const [domain] of withData) {
      const source = () => {
        if (!homes) throw new DatabaseUnavailable('no');
        return homes.source(domain);
      };
      databases.add(domain, source, { isLegacy: () => homes?.isLegacy(domain) ?? false });
    }
    return {
      databases,
      host: new Database(() => hostSource),
      reach: {
        legacy: settings.LEGACY_URL !== undefined,
        legacyDatabaseUrl: settings.LEGACY_DATABASE_URL,
        ownUrl: (database) => {
          const url = databaseUrl(settings, database) ?? embedded?.url;
          return url && withDatabase(url, database, settings);
        },
      },
      follow: async (table) => {
        const entries = new Map(withData);
        const openHome = (domain: DomainName, home: 'own' | 'legacy') => {
          const entry = entries.get(domain)!;
          return home === 'legacy' ? openLegacy(domain, entry) : openOwn(domain, entry.database, entry.schema, POOL_SIZE);
        };
        homes = new DomainHomes(new Map(withData.map(([domain, { tableSet }]) => [domain, tableSet])), table, openHome, log);
        await homes.start();
      },
      sources: () => homes?.sources() ?? new Map(),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface DataEntry {
  readonly database: DatabaseName;
  readonly schema: string;
  /** Undefined: always at home in its own database. */
  readonly tableSet?: string;
}

/** The embedded server's address names no database of ours; a setting does. */
function withDatabase(url: string, database: string, settings: Settings): string {
  if (databaseUrl(settings, database as DatabaseName)) return url;
  const target = new URL(url);
  target.pathname = `/${database}`;
  return target.href;
}
