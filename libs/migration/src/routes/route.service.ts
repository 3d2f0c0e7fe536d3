import { type DomainName, domainNames, isInLegacy } from '@banyan/domains';
import type { InitialRoutes } from '@banyan/platform/config/routes';
import type { Database } from '@banyan/platform/database/database';
import { HOMES, type RouteWeights } from '@banyan/platform/dispatch/routes';
import { ContractLibrary } from '@banyan/platform/host/contract-library';
import { InstanceStore } from '@banyan/platform/host/instance.store';
import { RouteStore, type StoredRoute } from '@banyan/platform/host/route.store';
import { type Reach, unreachable } from '@banyan/platform/host/route-table';
import { addUp, type HomeTraffic, p95, type TrafficReport } from '@banyan/platform/telemetry/traffic';
import { z } from 'zod';
import type { DataHomes } from '../homes/data-homes';
import type { Finding } from '../proxy/legacy-probe';
import {
  type DomainRoute,
  LegacySilent,
  NobodyThere,
  NoCounterpart,
  NoDataHome,
  OutOfReach,
  PreviousMissing,
  RouteMoved,
  SecretsDiffer,
} from './contract';
import { Processes } from './processes';
import { inWords, movedBuckets, type Shares, toShares, toWeights } from './shares';

export interface RouteRequest {
  readonly domain: DomainName;
  readonly to: Shares;
  /** Who and why, for people. */
  readonly by: string;
  readonly why: string;
  /** What the route was when he looked. */
  readonly previous?: Shares;
  /** Whatever it was, and although nobody is there. */
  readonly force: boolean;
}

/** Who is asked before a domain is moved, beside the other processes. */
export interface Others {
  readonly homes?: Pick<DataHomes, 'blocking'>;
  /** Whether the monolith is there and takes our tokens. */
  readonly probe?: () => Promise<Finding>;
}

export interface RouteAnswer {
  readonly domain: string;
  readonly changed: boolean;
  readonly before: Shares;
  readonly after: Shares;
  readonly version: number;
  readonly sentence: string;
}

const NOTHING: HomeTraffic = { requests: 0, errors: 0, durations: {} };
const Report = z.record(
  z.string(),
  z.record(z.string(), z.object({ requests: z.number(), errors: z.number(), durations: z.record(z.string(), z.number()) })),
);

/** Seeing and moving routes: the rules of the HTTP API and of `banyan route` alike. */
export class RouteService {
  private readonly routes: RouteStore;
  private readonly instances: InstanceStore;
  private readonly library: ContractLibrary;

  constructor(
    host: Database,
    private readonly initial: InitialRoutes,
    private readonly reach: Reach,
    private readonly others: Others = {},
  ) {
    this.routes = new RouteStore(host);
    this.instances = new InstanceStore(host);
    this.library = new ContractLibrary(this.instances);
  }

  /** In the order of the table of domains. @throws DatabaseUnavailable */
  async list(): Promise<DomainRoute[]> {
    const [stored, processes] = await Promise.all([this.routes.list(), this.processes()]);
    const traffic = addUp(processes.all.map((process) => reportOf(process.traffic)));
    return domainNames.map((domain) => {
      const change = stored.find((route) => route.domain === domain);
      const weights: RouteWeights = change ?? this.initial[domain];
      const figures = (home: (typeof HOMES)[number]) => {
        const seen = traffic[domain]?.[home] ?? NOTHING;
        return {
          percent: weights[home] / 100,
          instances: home === 'legacy' ? null : processes.serving(domain, home).length,
          requests: seen.requests,
          errors: seen.errors,
          p95_ms: p95(seen) ?? null,
        };
      };
      return {
        domain,
        homes: { remote: figures('remote'), local: figures('local'), legacy: figures('legacy') },
        last_change: change ? toLastChange(change) : null,
      };
    });
  }

  async processes(): Promise<Processes> {
    const all = await this.instances.report();
    await this.library.learn(all.flatMap(({ contracts }) => Object.values(contracts)));
    return new Processes(all, this.library);
  }

  /** @throws RouteMoved, PreviousMissing, NobodyThere, OutOfReach, NoCounterpart, NoDataHome, LegacySilent, SecretsDiffer, DatabaseUnavailable */
  async change({ domain, to, by, why, previous, force }: RouteRequest): Promise<RouteAnswer> {
    const after = toWeights(to);
    if (after.legacy > 0 && !isInLegacy(domain)) throw NoCounterpart();
    const fault = unreachable(after, this.reach);
    if (fault) throw OutOfReach({ home: fault.home, setting: fault.setting });
    const current = await this.current(domain);
    if (after.remote + after.local > current.remote + current.local) await this.requireData(domain);
    // Also when it gets less: from then on its users meet both sides, with one token.
    if (after.legacy > 0 && after.legacy !== current.legacy) await this.requireLegacy(after.legacy > current.legacy && !force);
    if (!force) {
      if (!previous) throw PreviousMissing({ current: toShares(current) });
      await this.requireSomebody(domain, current, after);
    }
    const expected = force || !previous ? undefined : toWeights(previous);
    const { outcome, before, version } = await this.routes.change({ domain, ...after, by, why, initial: this.initial[domain], expected });
    if (outcome === 'conflict') throw RouteMoved({ current: toShares(before) });
    return {
      domain,
      changed: outcome === 'changed',
      before: toShares(before),
      after: toShares(after),
      version,
      sentence: sentenceOf(domain, before, after),
    };
  }

  /** How many of the live processes follow that change. */
  async followers(version: number): Promise<{ following: number; live: number }> {
    const live = (await this.instances.report()).filter(({ is_live }) => is_live);
    return { following: live.filter(({ route_version }) => route_version >= version).length, live: live.length };
  }

  private async current(domain: DomainName): Promise<RouteWeights> {
    const stored = await this.routes.list();
    return stored.find((route) => route.domain === domain) ?? this.initial[domain];
  }

  private async requireData(domain: DomainName): Promise<void> {
    const fact = await this.others.homes?.blocking(domain);
    if (fact) throw NoDataHome({ fact });
  }

  private async requireLegacy(mustAnswer: boolean): Promise<void> {
    const finding = await this.others.probe?.();
    if (finding === 'other-secret') throw SecretsDiffer();
    if (mustAnswer && (finding === 'silent' || finding === 'strange')) throw LegacySilent({ finding });
  }

  /** Of every home that gets more than it had: taking work away is never refused. */
  private async requireSomebody(domain: DomainName, before: RouteWeights, after: RouteWeights): Promise<void> {
    const processes = await this.processes();
    for (const home of ['remote', 'local'] as const) {
      if (after[home] > before[home] && !processes.isServedForAll(domain, home)) throw NobodyThere({ home });
    }
  }
}

function toLastChange({ version, changed_at, changed_by, reason, previous }: StoredRoute): NonNullable<DomainRoute['last_change']> {
  return { version, at: changed_at, by: changed_by, reason, previous: toShares(previous) };
}

/** Written by another process, perhaps of another build: what cannot be read counts nothing. */
function reportOf(traffic: unknown): TrafficReport {
  const parsed = Report.safeParse(traffic);
  return parsed.success ? parsed.data : {};
}

export function sentenceOf(domain: string, before: RouteWeights, after: RouteWeights): string {
  const moved = movedBuckets(before, after) / 100;
  if (moved === 0) return `${domain} stays where it is: ${inWords(after)}.`;
  return `${domain} goes from ${inWords(before)} to ${inWords(after)}: ${moved === 100 ? 'all' : `${moved}% of its`} users move, within a second and without a restart.`;
}
