import { type Variant } from '@banyan/migration/prepare/kinds';
import { type DomainEntry, domainNames, domains, tableSets } from '@banyan/domains';
import type { LegacyDatabase } from '../legacy/legacy-database';
import { startTestServer, type TestServer, type TestServerOptions } from './banyan';
import { Deployment } from './deployment';
import { decideHomes, makePrepared } from './prepared-legacy';
import { until } from './until';

export interface ServerOnLegacy {
  readonly server: TestServer;
  readonly url: string;
  readonly legacy: LegacyDatabase;
  close(): Promise<void>;
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
  await until(async () => Object.keys(await partsOf(server.url)).length === tableSets.length);
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

/** A host, and a worker of each domain that does all of its work, each a process of its own, on a legacy database. */
export async function startPlacedOnLegacy(variant: Variant): Promise<Omit<ServerOnLegacy, 'server'> & { readonly deployment: Deployment }> {
  const legacy = await makePrepared(variant);
  const each = <T>(value: T) => Object.fromEntries(domainNames.map((domain) => [domain, value]));
  const deployment = await Deployment.start({ remote: each(1), workers: each(1), environment: { LEGACY_DATABASE_URL: legacy.url } });
  await decideHomes(deployment.environment, 'legacy');
  const withData = (Object.values(domains) as DomainEntry[]).filter(({ tableSet }) => tableSet).length;
  await until(async () => {
    const parts = await Promise.all(deployment.processes.map(async ({ url }) => Object.keys(await partsOf(url)).length));
    return parts.reduce((sum, count) => sum + count, 0) === 2 * withData; // the host has all of them, and one worker each
  });
  return {
    url: deployment.url,
    legacy,
    deployment,
    close: async () => {
      await deployment.remove();
      await legacy.drop();
    },
  };
}

async function partsOf(url: string): Promise<Record<string, string>> {
  return ((await (await fetch(`${url}/readyz`)).json()) as { parts: Record<string, string> }).parts;
}
