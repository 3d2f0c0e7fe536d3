import { domainNames, type DomainName } from '@banyan/domains';
import type { Variant } from '@banyan/migration/prepare/kinds';
import { Deployment } from './deployment';
import { decideHomes, domainsWithData, makePrepared, partsOf, type ServerOnLegacy } from './legacy-server';
import { until } from './until';

/** Which part of each domain's work is done by workers, 0 to 1. */
export interface Placement {
  readonly name: string;
  readonly remote: Readonly<Partial<Record<DomainName, number>>>;
}

const everywhere = (share: number) => Object.fromEntries(domainNames.map((domain) => [domain, share])) as Record<DomainName, number>;

/** Whatever clients do must come out the same in each of these. With TEST_MATRIX=all, also with each domain alone away. */
export const placements: readonly Placement[] = [
  { name: 'all domains local', remote: {} },
  { name: 'all domains remote', remote: everywhere(1) },
  { name: 'half of each domain remote', remote: everywhere(0.5) },
  ...(process.env['TEST_MATRIX'] === 'all'
    ? domainNames.map((domain) => ({ name: `only ${domain} remote`, remote: { [domain]: 1 } }))
    : []),
];

/** A host, and a worker of each domain that is not wholly local. */
export function startPlaced({ remote }: Placement, environment: Readonly<Record<string, string>> = {}): Promise<Deployment> {
  return Deployment.start({ remote, workers: Object.fromEntries(Object.keys(remote).map((domain) => [domain, 1])), environment });
}

/**
 * Which calls the host made elsewhere than the placement says, such as `user at local`. A test of a placement asks it at its end: calls
 * that all fell back to the host's own copy would look as well.
 */
export async function strayed(deployment: Deployment, { remote }: Placement): Promise<string[]> {
  const found: string[] = [];
  for (const domain of domainNames) {
    const share = remote[domain] ?? 0;
    const allowed = [...(share < 1 ? ['local'] : []), ...(share > 0 ? ['remote'] : [])];
    for (const home of Object.keys(await deployment.attempts(domain))) if (!allowed.includes(home)) found.push(`${domain} at ${home}`);
  }
  return found;
}

/** A host, and a worker of each domain that does all of its work, each a process of its own, on a legacy database. */
export async function startPlacedOnLegacy(
  variant: Variant,
  environment: Readonly<Record<string, string>> = {},
): Promise<Omit<ServerOnLegacy, 'server'> & { readonly deployment: Deployment }> {
  const legacy = await makePrepared(variant);
  const each = <T>(value: T) => Object.fromEntries(domainNames.map((domain) => [domain, value]));
  const deployment = await Deployment.start({
    remote: each(1),
    workers: each(1),
    environment: { ...environment, LEGACY_DATABASE_URL: legacy.url },
  });
  await decideHomes(deployment.environment, 'legacy');
  await until(async () => {
    const parts = await Promise.all(deployment.processes.map(async ({ url }) => Object.keys(await partsOf(url)).length));
    return parts.reduce((sum, count) => sum + count, 0) === 2 * domainsWithData.length; // the host has all of them, and one worker each
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
