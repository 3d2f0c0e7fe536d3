import { type DomainEntry, type DomainName, domainNames, domains, isInLegacy, tableSets } from '@banyan/domains';
import type { DatabaseName } from '@banyan/platform/config/databases';
import type { InitialRoutes } from '@banyan/platform/config/routes';
import type { Database } from '@banyan/platform/database/database';
import type { RouteWeights } from '@banyan/platform/dispatch/routes';
import { type DataHome, DataHomeStore, type StoredDataHome } from '@banyan/platform/host/data-home.store';
import { InstanceStore } from '@banyan/platform/host/instance.store';
import { preparedBy, withLegacy } from '../prepare/prepared';
import { legacyTablesWithRows, tablesWithRows } from './rows';

export interface HomeRequest {
  readonly tableSets: readonly string[];
  readonly to: DataHome;
  /** Who and why, for people. */
  readonly by: string;
  readonly why: string;
}

export interface HomeAnswer {
  readonly changed: boolean;
  /** Of the change; 0 if it was there already. */
  readonly version: number;
}

/** It was not done; `facts` has what is in the way, one sentence each. */
export class HomeRefused extends Error {
  override readonly name = 'HomeRefused';

  constructor(readonly facts: readonly string[]) {
    super(facts.join('\n'));
  }
}

export interface HomeReach {
  /** LEGACY_URL is set: there is a monolith whose users look for their data in its database. */
  readonly legacy: boolean;
  readonly legacyDatabaseUrl?: string;
  /** Where a domain's own database is; undefined if that cannot be told here. */
  ownUrl(database: DatabaseName): string | undefined;
}

/**
 * Seeing and changing where the data of each table set is. Only the way from nobody's decision is free: whoever changes another one
 * has to have new code at rest, because nothing is copied here and no write may end on the side that is left.
 */
export class DataHomes {
  private readonly store: DataHomeStore;
  private readonly instances: InstanceStore;

  constructor(
    host: Database,
    private readonly initial: InitialRoutes,
    private readonly reach: HomeReach,
  ) {
    this.store = new DataHomeStore(host);
    this.instances = new InstanceStore(host);
  }

  /** Every table set with its last decision, in the order of the table of domains; undefined for one without. @throws DatabaseUnavailable */
  async list(): Promise<ReadonlyMap<string, StoredDataHome | undefined>> {
    const stored = await this.store.list();
    return new Map(tableSets.map((name) => [name, stored.find(({ table_set }) => table_set === name)]));
  }

  /** @throws HomeRefused, DatabaseUnavailable */
  async change({ tableSets: names, to, by, why }: HomeRequest): Promise<HomeAnswer> {
    const stored = await this.list();
    const homeOf = (name: string): DataHome => stored.get(name)?.home ?? 'none';
    const moving = names.filter((name) => homeOf(name) !== to);
    if (moving.length === 0) return { changed: false, version: 0 };
    const facts: string[] = [];
    for (const name of moving) facts.push(...(await this.against(name, to)));
    if (facts.length > 0) throw new HomeRefused(facts);
    const isSettled = moving.some((name) => homeOf(name) !== 'none') && (await this.instances.report()).some(({ is_live }) => is_live);
    const expected = Object.fromEntries(moving.map((name) => [name, homeOf(name)]));
    const version = await this.store.change({ table_sets: moving, home: to, by, why, expected }, (moved) => {
      if (isSettled) requireRest(moved, this.initial);
    });
    if (version === undefined) throw new HomeRefused(['Somebody else has decided about it meanwhile. Nothing was changed; look again.']);
    return { changed: true, version };
  }

  /** How many of the live processes work by that decision. */
  async followers(version: number): Promise<{ following: number; live: number }> {
    const live = (await this.instances.report()).filter(({ is_live }) => is_live);
    return { following: live.filter(({ data_home_version }) => data_home_version >= version).length, live: live.length };
  }

  /**
   * Why a domain must not get work beside a monolith, in one sentence; undefined if nothing is in the way. New code has to find the
   * data of everybody it calls, and of auth, which says who a caller is, where the monolith's users have theirs.
   */
  async blocking(domain: DomainName): Promise<string | undefined> {
    if (!this.reach.legacy) return undefined;
    const stored = await this.list();
    for (const needed of [domain, 'auth' as const, ...calledBy(domain)]) {
      const { tableSet } = domains[needed] as DomainEntry;
      if (!tableSet) continue;
      const home = stored.get(tableSet)?.home ?? 'none';
      if (home === 'none')
        return `The data of ${needed} (${tableSet}) has no home yet: banyan legacy prepare, then banyan data ${tableSet} --legacy.`;
      const [fact] = home === 'legacy' ? await this.unprepared(needed) : await this.ownIsOnlyEmpty(needed, tableSet);
      if (fact) return fact;
    }
    return undefined;
  }

  /** What speaks against `to` as the home of a table set. */
  private async against(tableSet: string, to: DataHome): Promise<string[]> {
    if (to === 'none') return [];
    const facts: string[] = [];
    for (const domain of domainsOf(tableSet)) {
      facts.push(
        ...(to === 'legacy' ? [...(await this.unprepared(domain)), ...(await this.leftInOwn(domain))] : await this.leftInLegacy(domain)),
      );
    }
    return facts;
  }

  private async unprepared(domain: DomainName): Promise<string[]> {
    const { schema } = domains[domain] as DomainEntry as { schema: string };
    const url = this.reach.legacyDatabaseUrl;
    if (!url) return [`The data of ${domain} cannot be in the legacy database: LEGACY_DATABASE_URL is not set.`];
    return withLegacy(url, async (client) => {
      if (!(await preparedBy(client, schema))) return [`The legacy database is not prepared for ${domain}: run banyan legacy prepare.`];
      const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS there`, [`${schema}.outbox`]);
      return rows[0]!.there ? [] : [`The side tables of ${domain} are missing in the legacy database: run banyan legacy prepare again.`];
    });
  }

  private async leftInOwn(domain: DomainName): Promise<string[]> {
    const { database } = domains[domain] as DomainEntry;
    const url = database && this.reach.ownUrl(database as DatabaseName);
    const tables = url ? await tablesWithRows(url, domain) : [];
    return tables.length > 0 ? [`${database} has rows in ${tables.join(', ')}, which would be left behind.`] : [];
  }

  private async leftInLegacy(domain: DomainName): Promise<string[]> {
    const url = this.reach.legacyDatabaseUrl;
    if (!url) return [];
    const tables = [...(await legacyTablesWithRows(url, domain)), ...(await tablesWithRows(url, domain))];
    return tables.length > 0 ? [`The legacy database has rows in ${tables.join(', ')}, which would be left behind.`] : [];
  }

  /** Decided at a start that knew of no monolith, and nobody's data is there. */
  private async ownIsOnlyEmpty(domain: DomainName, tableSet: string): Promise<string[]> {
    const { database } = domains[domain] as DomainEntry;
    const url = database && this.reach.ownUrl(database as DatabaseName);
    if (!url || (await tablesWithRows(url, domain)).length > 0) return [];
    return [
      `The data of ${domain} (${tableSet}) is at home in ${database}, which is empty: the monolith's users would find nothing there.`,
    ];
  }
}

/**
 * Whoever works for clients may write at any moment; who gets none may still finish what he began. What the monolith has no counterpart
 * of is always at work, on data of its own.
 */
function requireRest(moved: ReadonlyMap<string, RouteWeights>, initial: InitialRoutes): void {
  const busy = domainNames.filter((domain) => {
    const { remote, local } = moved.get(domain) ?? initial[domain];
    return isInLegacy(domain) && remote + local > 0;
  });
  if (busy.length > 0)
    throw new HomeRefused([`New code is at work for ${busy.join(', ')}: route all of it to legacy first, or stop every process.`]);
}

function domainsOf(tableSet: string): DomainName[] {
  return domainNames.filter((domain) => (domains[domain] as DomainEntry).tableSet === tableSet);
}

/** Directly or through others. */
function calledBy(domain: DomainName, seen = new Set<DomainName>()): Set<DomainName> {
  for (const called of domains[domain].calls as readonly DomainName[]) {
    if (seen.has(called)) continue;
    seen.add(called);
    calledBy(called, seen);
  }
  return seen;
}
