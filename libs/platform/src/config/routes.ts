import { type DomainName, domainNames, isInLegacy } from '@banyan/domains';
import { ALL, ALL_LOCAL, type Home, type RouteWeights } from '../dispatch/routes';
import { reader, readList } from './readers';

/** The weights of every domain, until somebody moves them. */
export type InitialRoutes = Readonly<Record<DomainName, RouteWeights>>;

const route = /^([a-z]+)=([a-z]+:[\d.]+%(?:,[a-z]+:[\d.]+%)*)$/;
const share = /^(remote|local|legacy):(\d{1,3})(?:\.(\d{1,2}))?%$/;

/** `local:90%,remote:10%` as weights; a home that is not named has none. */
function readWeights(text: string): RouteWeights | undefined {
  const weights = { remote: 0, local: 0, legacy: 0 };
  const seen = new Set<string>();
  for (const part of text.split(',')) {
    const [, home, whole, fraction = ''] = share.exec(part) ?? [];
    if (home === undefined || seen.has(home)) return undefined;
    seen.add(home);
    weights[home as keyof RouteWeights] = Number(whole) * 100 + Number(fraction.padEnd(2, '0'));
  }
  return weights.remote + weights.local + weights.legacy === ALL ? weights : undefined;
}

function readRoutes(text: string): InitialRoutes | undefined {
  const routes = Object.fromEntries(domainNames.map((domain) => [domain, ALL_LOCAL])) as Record<DomainName, RouteWeights>;
  const seen = new Set<string>();
  for (const item of text.split(/[\s;]+/).filter((part) => part !== '')) {
    const [, name, shares] = route.exec(item) ?? [];
    const domain = domainNames.find((known) => known === name);
    const weights = shares === undefined ? undefined : readWeights(shares);
    if (domain === undefined || weights === undefined || seen.has(domain)) return undefined;
    if (weights.legacy > 0 && !isInLegacy(domain)) return undefined;
    seen.add(domain);
    routes[domain] = weights;
  }
  return routes;
}

/** The text that sends every domain that `named` does not name, and that the home can have, to one home. */
export function routesTo(home: Home, named: string): string {
  const others = domainNames.filter((domain) => !new RegExp(`(^|[\\s;])${domain}=`).test(named));
  return others
    .filter((domain) => home !== 'legacy' || isInLegacy(domain))
    .map((domain) => `${domain}=${home}:100%`)
    .join(' ');
}

export const routes = reader(
  'a list such as `relay=local:90%,remote:10%`: for each domain once, shares of remote, local and legacy ' +
    `(which has no ${domainNames.filter((domain) => !isInLegacy(domain)).join(', ')}) that sum to 100%`,
  readRoutes,
);

/** Which part of the program a process is: the edge (HTTP and sockets), domains, or both. */
export interface Serve {
  readonly edge: boolean;
  readonly domains: readonly DomainName[];
}

export const serve = reader(`all, edge, or a list of domains (${domainNames.join(', ')})`, (text): Serve | undefined => {
  if (text === 'all') return { edge: true, domains: domainNames };
  if (text === 'edge') return { edge: true, domains: [] };
  const domains = readList(text, (item) => domainNames.find((known) => known === item));
  return domains && domains.length > 0 ? { edge: false, domains: [...new Set(domains)] } : undefined;
});
