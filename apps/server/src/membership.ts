import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { tableSets } from '@banyan/domains';
import { StartupError } from '@banyan/platform/config/startup-error';
import type { Settings } from '@banyan/platform/config/table';
import { DatabaseUnavailable } from '@banyan/platform/database/errors';
import { ContractLibrary, toStored } from '@banyan/platform/host/contract-library';
import { DataHomeStore } from '@banyan/platform/host/data-home.store';
import { DataHomeTable } from '@banyan/platform/host/data-home-table';
import { InstanceRegistry } from '@banyan/platform/host/instance-registry';
import { type InstanceKind, type InstanceReport, InstanceStore } from '@banyan/platform/host/instance.store';
import { Membership } from '@banyan/platform/host/membership';
import { RouteStore } from '@banyan/platform/host/route.store';
import { reachOf, RouteTable } from '@banyan/platform/host/route-table';
import { databasePlace } from '@banyan/migration/health/same-legacy';
import { contractShape } from '@banyan/platform/host/shapes';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { Metrics } from '@banyan/platform/telemetry/metrics';
import { buildName } from './build';
import { contracts } from './domains';
import type { Storage } from './storage';

export interface Joined {
  readonly routes: RouteTable;
  readonly dataHomes: DataHomeTable;
  readonly instances: InstanceRegistry;
  /** This process among the instances. */
  readonly id: string;
  /** From now on this process is called at `queue`; `url` is of its probes. */
  advertise(url: string, queue: string): Promise<void>;
  drain(): Promise<void>;
  leave(): Promise<void>;
}

/** Follow routes, data homes and instances. Without host_db a process does not start, because it would not know where its work goes. @throws StartupError */
export async function joinOthers({ host }: Storage, settings: Settings, metrics: Metrics, log: Logger): Promise<Joined> {
  const { SERVE, ROUTES } = settings;
  const shapes = contracts.map(contractShape);
  const store = new InstanceStore(host);
  const routes = new RouteTable(new RouteStore(host), ROUTES);
  const homeStore = new DataHomeStore(host);
  const dataHomes = new DataHomeTable(homeStore);
  const instances = new InstanceRegistry(store, new ContractLibrary(store, shapes));
  const membership = new Membership({
    database: host,
    store,
    routes,
    dataHomes,
    instances,
    contracts: shapes.map(toStored),
    traffic: metrics.traffic,
    log,
  });
  try {
    await membership.follow();
    await decideHomes(homeStore, dataHomes, settings);
    routes.requireReach(reachOf(settings));
    if (settings.LEGACY_URL === undefined) requireNoMonolith(await store.report(), routes, Object.keys(ROUTES));
  } catch (error) {
    await membership.leave();
    if (error instanceof DatabaseUnavailable)
      throw new StartupError('The database host_db does not answer: start it, and then this process.', { cause: error });
    throw error;
  }
  const id = randomUUID();
  const kind: InstanceKind = !SERVE.edge ? 'worker' : SERVE.domains.length > 0 ? 'host' : 'edge';
  publishWeights(metrics, routes, Object.keys(ROUTES));
  return {
    routes,
    dataHomes,
    instances,
    id,
    advertise: (url, queue) =>
      membership.advertise({
        id,
        kind,
        queue,
        build: buildName(shapes),
        url: reachable(url, settings.BIND),
        domains: SERVE.domains,
        legacy_url: settings.LEGACY_URL ?? null,
        legacy_database: settings.LEGACY_DATABASE_URL ? databasePlace(settings.LEGACY_DATABASE_URL) : null,
      }),
    drain: () => membership.drain(),
    leave: () => membership.leave(),
  };
}

/**
 * What nobody has moved is where each process's ROUTES say: at legacy with a monolith, in new code without one. Such two do not run beside each
 * other. When everything has been moved, they may: that is how the monolith is taken away. @throws StartupError
 */
function requireNoMonolith(others: readonly InstanceReport[], routes: RouteTable, names: readonly string[]): void {
  const other = others.find(({ is_live, draining, legacy_url }) => is_live && !draining && legacy_url);
  const unmoved = names.filter((name) => routes.versionOf(name) === 0);
  if (other && unmoved.length > 0)
    throw new StartupError(
      `LEGACY_URL is missing: the ${other.kind} at ${other.url} has ${other.legacy_url}, and ${unmoved.join(', ')}, which nobody has moved, would be served here and there by different code.`,
    );
}

/**
 * The first process that starts writes down where the data is: where no legacy system is named, in the domains' own databases; where one
 * is, a person has to say so (docs/adr/0030-data-homes.md). A process with other settings that comes later finds it decided.
 */
async function decideHomes(store: DataHomeStore, table: DataHomeTable, { LEGACY_URL, LEGACY_DATABASE_URL }: Settings): Promise<void> {
  if (tableSets.every((name) => table.isDecided(name))) return;
  const isLegacyNamed = LEGACY_URL !== undefined || LEGACY_DATABASE_URL !== undefined;
  const [home, why] = isLegacyNamed
    ? (['none', 'a legacy system is named in the settings: banyan data'] as const)
    : (['own', 'no legacy system is named in the settings'] as const);
  await store.decide(tableSets, { home, by: 'the first start', why });
  await table.refresh(Date.now() + 10_000);
}

/** Bound to every address, a process is found under its machine's name. */
function reachable(url: string, bind: string): string {
  const own = new URL(url);
  if (bind === '0.0.0.0' || bind === '::') own.hostname = hostname();
  return own.origin;
}

function publishWeights(metrics: Metrics, { routes }: RouteTable, domains: readonly string[]): void {
  metrics.gauge('banyan_route_share', 'The share of a domain’s work at each home, as this process follows it.', ['domain', 'home'], () =>
    domains.flatMap((domain) =>
      Object.entries(routes.weights(domain)).map(([home, weight]) => ({ labels: { domain, home }, value: weight / 10_000 })),
    ),
  );
}
