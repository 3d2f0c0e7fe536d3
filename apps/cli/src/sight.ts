import { DataHomes } from '@banyan/migration/homes/data-homes';
import type { State } from '@banyan/migration/health/contradictions';
import type { Sight } from '@banyan/migration/health/sight';
import { RouteService } from '@banyan/migration/routes/route.service';
import type { Processes } from '@banyan/migration/routes/processes';
import { jwtSecret } from '@banyan/platform/config/jwt-secret';
import type { Settings } from '@banyan/platform/config/table';
import type { Database } from '@banyan/platform/database/database';
import type { StoredDataHome } from '@banyan/platform/host/data-home.store';
import { homeReach } from './databases';

/** What host_db says, as `banyan status` and `banyan doctor` show it. */
export interface Seen {
  readonly sight: Sight;
  readonly state: State;
  readonly processes: Processes;
  readonly decisions: ReadonlyMap<string, StoredDataHome | undefined>;
}

/** What can be seen without host_db. */
export async function sightAlone(settings: Settings): Promise<Sight> {
  const reach = await homeReach(settings);
  // Looking must not make what a server makes at its first start.
  const secret = reach.ownUrl('host_db') ? await jwtSecret(settings) : undefined;
  return { settings, secret, reach, homes: new Map(), processes: [] };
}

/** @throws DatabaseUnavailable */
export async function see(alone: Sight, host: Database): Promise<Seen> {
  const { settings, reach } = alone;
  const dataHomes = new DataHomes(host, settings.ROUTES, reach);
  const service = new RouteService(host, settings.ROUTES, { remote: true, legacy: true });
  const [processes, routes, decisions] = await Promise.all([service.processes(), service.list(), dataHomes.list()]);
  const homes = new Map([...decisions].map(([name, decision]) => [name, decision?.home ?? 'none']));
  return {
    sight: { ...alone, homes, processes: processes.all },
    state: { routes, blocking: (domain) => dataHomes.blocking(domain) },
    processes,
    decisions,
  };
}
