import { type Variant } from '@banyan/migration/prepare/kinds';
import { prepareLegacy } from '@banyan/migration/prepare/prepare';
import { makeSideTables } from '@banyan/migration/prepare/side';
import { type DomainEntry, domainNames, domains, tableSets } from '@banyan/domains';
import { openDataSource } from '@banyan/platform/database/data-source';
import { Database } from '@banyan/platform/database/database';
import { DataHomeStore } from '@banyan/platform/host/data-home.store';
import { type LegacyDatabase, makeLegacyDatabase } from '../legacy/legacy-database';
import { startTestServer, type TestServer, type TestServerOptions } from './banyan';
import { until } from './until';

/** A host that has reached all of its data speaks of so many parts. */
export const domainsWithData = domainNames.filter((domain) => (domains[domain] as DomainEntry).database);

export interface ServerOnLegacy {
  readonly server: TestServer;
  readonly url: string;
  readonly legacy: LegacyDatabase;
  close(): Promise<void>;
}

/** A legacy database as `banyan legacy prepare` leaves it. @param postgres where, if not on the one that all tests share */
export async function makePrepared(variant: Variant, postgres?: string): Promise<LegacyDatabase> {
  const legacy = await makeLegacyDatabase(variant, postgres);
  await prepareLegacy(await legacy.connect());
  await makeSideTables(legacy.url);
  return legacy;
}

interface OnLegacyOptions extends TestServerOptions {
  /** Called when the database is there, before the server starts. @returns further settings */
  readonly withLegacy?: (legacy: LegacyDatabase) => Promise<Record<string, string>>;
}

/** A whole server in this process that works on a legacy database of its own. */
export async function startOnLegacy(variant: Variant, { withLegacy, ...options }: OnLegacyOptions = {}): Promise<ServerOnLegacy> {
  const legacy = await makePrepared(variant);
  const more = await withLegacy?.(legacy);
  const server = await startTestServer({ ...options, environment: { ...options.environment, ...more, LEGACY_DATABASE_URL: legacy.url } });
  await decideHomes(server.environment, 'legacy');
  await until(async () => Object.keys(await partsOf(server.url)).length === domainsWithData.length);
  return {
    server,
    url: server.url,
    legacy,
    close: async () => {
      await server.close();
      await legacy.drop();
    },
  };
}

/** Of the data that a process works on, whether each is there. */
export async function partsOf(url: string): Promise<Record<string, string>> {
  return ((await (await fetch(`${url}/readyz`)).json()) as { parts: Record<string, string> }).parts;
}

/** As an operator decides, where nobody has done it before. */
export async function decideHomes(environment: Readonly<Record<string, string>>, home: 'own' | 'legacy'): Promise<void> {
  const url = environment['HOST_DATABASE_URL']!;
  const source = await openDataSource({ url, schema: 'banyan_host', role: 'banyan_host', poolSize: 1, applicationName: 'banyan test' });
  try {
    const expected = Object.fromEntries(tableSets.map((name) => [name, 'none' as const]));
    const change = { table_sets: tableSets, home, by: 'test', why: 'a test', expected };
    await new DataHomeStore(new Database(() => source)).change(change, () => undefined);
  } finally {
    await source.destroy();
  }
}
