import type { DomainName } from '@banyan/domains';
import { StartupError } from '@banyan/platform/config/startup-error';
import { DatabaseUnavailable } from '@banyan/platform/database/errors';
import type { DataHomeTable } from '@banyan/platform/host/data-home-table';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { DataSource } from 'typeorm';

/** Brings a domain's schema in one of the two databases up to date and connects. @throws StartupError */
export type OpenHome = (domain: DomainName, home: 'own' | 'legacy') => Promise<DataSource>;

interface Place {
  readonly home: 'own' | 'legacy';
  readonly source: DataSource;
}

/**
 * Where the data of this process's domains is: in their own databases or in the legacy one, as host_db says of each table set. A home
 * is opened when it is first needed. Until it is, and where nobody has decided, there is none: work is refused, nothing is guessed.
 * A home that was left stays open for what is still under way there.
 */
export class DomainHomes {
  private readonly places = new Map<DomainName, Place>();
  private readonly opening = new Map<string, Promise<DataSource>>();
  private readonly told = new Set<string>();

  constructor(
    /** The domains of this process that keep data, and the table set of each; one without a set is always in its own database. */
    private readonly tableSets: ReadonlyMap<DomainName, string | undefined>,
    private readonly table: DataHomeTable,
    private readonly open: OpenHome,
    private readonly log: Logger,
  ) {}

  /** Opens what is decided, and goes on following. @throws StartupError */
  async start(): Promise<void> {
    await Promise.all([...this.tableSets.keys()].map((domain) => this.reach(domain)));
    this.noteVersion(this.table.known);
    this.table.onRead(() => void this.follow());
  }

  /** @throws DatabaseUnavailable while there is none */
  source(domain: DomainName): DataSource {
    const place = this.places.get(domain);
    if (place && place.home === this.decided(domain)) return place.source;
    throw new DatabaseUnavailable('no', new Error(`the data of ${domain} has no home that this process has reached`));
  }

  isLegacy(domain: DomainName): boolean {
    return this.decided(domain) === 'legacy';
  }

  /** Of the domains that have one. */
  sources(): ReadonlyMap<DomainName, DataSource> {
    const reached = [...this.places].filter(([domain, { home }]) => home === this.decided(domain));
    return new Map(reached.map(([domain, { source }]) => [domain, source]));
  }

  private async follow(): Promise<void> {
    const { known } = this.table;
    const outcomes = await Promise.allSettled([...this.tableSets.keys()].map((domain) => this.reach(domain)));
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    for (const { reason } of failed) this.tell(reason);
    if (failed.length === 0) this.noteVersion(known);
  }

  /** Only what is in force for every domain here counts as followed. */
  private noteVersion(known: number): void {
    this.table.version = Math.max(this.table.version, known);
    this.told.clear();
  }

  private async reach(domain: DomainName): Promise<void> {
    const home = this.decided(domain);
    if (home === 'none' || this.places.get(domain)?.home === home) return;
    const key = `${domain} ${home}`;
    let opening = this.opening.get(key);
    if (!opening) {
      opening = this.open(domain, home);
      this.opening.set(key, opening);
      opening.catch(() => this.opening.delete(key));
    }
    this.places.set(domain, { home, source: await opening });
  }

  private decided(domain: DomainName) {
    const tableSet = this.tableSets.get(domain);
    return tableSet === undefined ? 'own' : this.table.of(tableSet);
  }

  /** Once, not at each look. */
  private tell(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (this.told.has(text)) return;
    this.told.add(text);
    this.log.error(
      error instanceof StartupError ? { reason: text } : { err: error },
      'a data home is out of reach; its domains refuse work until it is there',
    );
  }
}
