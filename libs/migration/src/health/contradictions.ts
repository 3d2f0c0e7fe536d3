import { type DomainEntry, type DomainName, domainNames, domains, tableSets } from '@banyan/domains';
import type { DomainRoute } from '../routes/contract';
import { attention, broken, type Check, ok } from './check';
import { checkSameLegacy } from './same-legacy';
import type { Sight } from './sight';

/** What host_db says of routes, and the rule of data homes. */
export interface State {
  readonly routes: readonly DomainRoute[];
  /** Why a domain must not get work beside the monolith (`DataHomes.blocking`). */
  readonly blocking: (domain: DomainName) => Promise<string | undefined>;
}

/** Where the settings here, the routes and the data homes do not go together. */
export async function checkContradictions(sight: Sight, state: State): Promise<Check[]> {
  const found = [...ofRoutes(sight, state), ...(await ofDataHomes(sight, state)), ...ofProcesses(sight, state), ...checkSameLegacy(sight)];
  return found.length > 0 ? found : [ok('routes and data homes', 'go together with the settings')];
}

function ofRoutes({ settings, processes }: Sight, { routes }: State): Check[] {
  const { LEGACY_URL, AMQP_URL, PUBLIC_URL } = settings;
  const beyond = routes.flatMap(({ domain, homes: { legacy, remote } }) => [
    ...(legacy.percent > 0 && !LEGACY_URL
      ? [
          broken(
            `route of ${domain}`,
            `${legacy.percent}% of it are at legacy, and LEGACY_URL is not set here: set it, or move ${domain} first.`,
          ),
        ]
      : []),
    ...(remote.percent > 0 && !AMQP_URL
      ? [
          broken(
            `route of ${domain}`,
            `${remote.percent}% of it are at remote, and AMQP_URL is not set here: set it, or move ${domain} first.`,
          ),
        ]
      : []),
  ]);
  const ourselves = [PUBLIC_URL, ...processes.map(({ url }) => url)].find((url) => LEGACY_URL && placeOf(url) === placeOf(LEGACY_URL));
  return ourselves === undefined
    ? beyond
    : [...beyond, broken('LEGACY_URL', 'It leads to this server itself, whose requests would go round in a circle: name the monolith.')];
}

const placeOf = (url: string): string => new URL(url).host.replace('127.0.0.1', 'localhost');

async function ofDataHomes({ settings, homes }: Sight, { routes, blocking }: State): Promise<Check[]> {
  const inLegacy = tableSets.filter((name) => homes.get(name) === 'legacy');
  if (inLegacy.length > 0 && !settings.LEGACY_DATABASE_URL) {
    return [
      broken(
        'LEGACY_DATABASE_URL',
        `The data of ${inLegacy.join(', ')} is in the legacy database, and LEGACY_DATABASE_URL is not set here: set it.`,
      ),
    ];
  }
  const working = domainNames.filter((name) => {
    const found = routes.find(({ domain }) => domain === name)?.homes;
    return found !== undefined && found.remote.percent + found.local.percent > 0;
  });
  const found = await Promise.all(
    working.map(async (domain) => {
      const { tableSet } = domains[domain] as DomainEntry;
      const what = `data of ${domain}`;
      if (tableSet && (homes.get(tableSet) ?? 'none') === 'none') {
        return broken(
          what,
          `New code is at work for ${domain}, and its data (${tableSet}) has no home: banyan data ${tableSet} --legacy, or --own.`,
        );
      }
      const fact = await blocking(domain).catch(() => undefined); // a database that does not answer is told elsewhere
      return fact === undefined ? undefined : broken(what, `New code is at work for ${domain}. ${fact}`);
    }),
  );
  return found.filter((check) => check !== undefined);
}

function ofProcesses({ settings, processes }: Sight, { routes }: State): Check[] {
  const live = processes.filter(({ is_live }) => is_live);
  const newest = Math.max(0, ...routes.map(({ last_change }) => last_change?.version ?? 0));
  const late = live.filter(({ route_version }) => route_version < newest);
  return [
    ...(live.length > 1 && !settings.REDIS_URL
      ? [
          attention(
            'REDIS_URL',
            `${live.length} processes run, and REDIS_URL is not set here: each would have its own presence and rate limits.`,
          ),
        ]
      : []),
    ...late.map(({ kind, url }) =>
      attention(`routes of the ${kind} at ${url}`, 'It does not follow the last change yet: look again in a second, then at its log.'),
    ),
  ];
}
