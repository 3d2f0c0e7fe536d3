import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type DomainEntry, domainNames, type DomainName, domains } from '@banyan/domains';
import { DataHomes } from '@banyan/migration/homes/data-homes';
import type { Variant } from '@banyan/migration/prepare/kinds';
import { probeLegacy } from '@banyan/migration/proxy/legacy-probe';
import { RouteService } from '@banyan/migration/routes/route.service';
import { type DatabaseName, databaseUrl, settingOf } from '@banyan/platform/config/databases';
import { loadSettings } from '@banyan/platform/config/settings';
import type { Settings } from '@banyan/platform/config/table';
import { Database } from '@banyan/platform/database/database';
import { openDataSource } from '@banyan/platform/database/data-source';
import { reachOf } from '@banyan/platform/host/route-table';
import type { DataSource } from 'typeorm';
import type { LegacyDatabase } from '../legacy/legacy-database';
import { LegacyProcess } from '../legacy-app/legacy-process';
import { dropDatabases, freshBucket, freshEnvironment, TEST_SECRET } from './banyan';
import { decideHomes, domainsWithData, makePrepared, partsOf } from './legacy-server';
import { createTestBroker, type TestBroker } from './rabbitmq';
import { ServerProcess } from './server-process';
import { until } from './until';

export interface DeploymentOptions {
  readonly hosts?: number;
  /** How many workers of each domain; none of those that are not named. */
  readonly workers?: Readonly<Partial<Record<DomainName, number>>>;
  /** The hosts stand before a legacy system, which serves everything at first; its database is everybody's. `remote` means nothing then. */
  readonly legacy?: LegacyPlan;
  /** The part of each domain's work that workers do at first, 0 to 1; 0 if it is not named. */
  readonly remote?: Readonly<Partial<Record<DomainName, number>>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** A broker of the test's own, which it may kill; else a virtual host of the one that all tests share. */
  readonly amqpUrl?: string;
}

interface LegacyPlan {
  readonly variant: Variant;
  /** Of a superuser, on a PostgreSQL of the test's own, which it may kill; else the one that all tests share. */
  readonly postgres?: string;
  /** Whether the hosts reach its folder of uploads. They do, unless it is said. */
  readonly sharesUploads?: boolean;
}

/** Parts of a domain's work, 0 to 1; what they leave is done by the hosts. */
export interface Parts {
  readonly remote?: number;
  readonly legacy?: number;
}

interface LegacySystem {
  readonly process: LegacyProcess;
  readonly database: LegacyDatabase;
}

/** Hosts and workers, each a process of its own, on databases and a virtual host of their own. */
export class Deployment {
  readonly hosts: ServerProcess[] = [];
  readonly workers: { readonly domain: DomainName; readonly process: ServerProcess }[] = [];
  private connected: Operator | undefined;

  private constructor(
    readonly environment: Readonly<Record<string, string>>,
    private readonly broker: TestBroker | undefined,
    private readonly system: LegacySystem | undefined,
  ) {}

  /** Resolves when all are ready and each knows all others. Workers come first, so that no request finds them missing. */
  static async start(options: DeploymentOptions): Promise<Deployment> {
    const { hosts = 1, workers = {}, remote = {}, environment = {}, amqpUrl, legacy } = options;
    const isAlone = legacy !== undefined && Object.keys(workers).length === 0;
    const broker = amqpUrl || isAlone ? undefined : await createTestBroker();
    const system = legacy && (await startLegacy(legacy));
    const routes = domainNames.map((domain) => {
      const share = (remote[domain] ?? 0) * 100;
      return `${domain}=remote:${share}%,local:${100 - share}%`;
    });
    const deployment = new Deployment(
      {
        ...freshEnvironment({ redis: true }),
        LOG_LEVEL: 'warn',
        ...freshBucket(),
        ...(isAlone ? {} : { AMQP_URL: amqpUrl ?? broker!.url, CARRIER_KEY: randomBytes(32).toString('hex') }),
        ...(system ? settingsFor(system, legacy!) : { ROUTES: routes.join(' ') }),
        ...environment,
      },
      broker,
      system,
    );
    try {
      await deployment.startAll(hosts, workers);
    } catch (error) {
      await deployment.remove();
      throw error;
    }
    return deployment;
  }

  get url(): string {
    return this.hosts[0]!.url;
  }

  get processes(): ServerProcess[] {
    return [...this.hosts, ...this.workers.map(({ process }) => process)];
  }

  get legacy(): LegacyProcess {
    return this.system!.process;
  }

  /** Move parts of a domain's work, as an operator does; resolves when it is decided. @returns its version */
  async route(domain: DomainName, parts: Parts): Promise<number> {
    const [remote, legacy] = [percent(parts.remote), percent(parts.legacy)];
    const to = { remote, local: 100 - remote - legacy, legacy };
    const { version } = await this.operator.routes.change({ domain, to, by: 'test', why: 'a flip', force: true });
    return version;
  }

  /** Resolves when every process that runs works by that change of a route. */
  async followed(version: number): Promise<void> {
    await until(async () => {
      const { following, live } = await this.operator.routes.followers(version);
      return live > 0 && following === live;
    });
  }

  /** Where a database of it is, as the superuser; that of the legacy system if there is one, and the monolith has such data. */
  databaseUrl(name: DatabaseName): string {
    const isShared = (Object.values(domains) as DomainEntry[]).some(
      ({ database, tableSet }) => database === name && tableSet !== undefined,
    );
    return (isShared && this.system?.database.url) || this.environment[settingOf(name)]!;
  }

  /** How often each place (local, remote, host) was asked for operations of a domain by the hosts that run. */
  async attempts(domain: DomainName): Promise<Readonly<Record<string, number>>> {
    const found: Record<string, number> = {};
    for (const { url } of this.hosts.filter(({ isRunning }) => isRunning)) {
      const text = await (await fetch(`${url}/metrics`)).text();
      const line = new RegExp(`^banyan_calls_total\\{operation="${domain}\\.[^"]*",home="(\\w+)",[^}]*\\} (\\d+)$`, 'gm');
      for (const [, home = '', count] of text.matchAll(line)) found[home] = (found[home] ?? 0) + Number(count);
    }
    return found;
  }

  /** Ends every process, in whatever state it is, and drops what they shared. */
  async remove(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.remove()));
    await this.connected?.close();
    await this.system?.process.remove();
    await dropDatabases(this.environment);
    await this.system?.database.drop();
    await this.broker?.drop();
  }

  private async startAll(hosts: number, workers: NonNullable<DeploymentOptions['workers']>): Promise<void> {
    const wanted = domainNames.flatMap((domain) => Array.from({ length: workers[domain] ?? 0 }, () => domain));
    await Promise.all(
      wanted.map(async (domain) => {
        const process = await ServerProcess.start({ ...this.environment, SERVE: domain });
        this.workers.push({ domain, process });
      }),
    );
    for (let n = 0; n < hosts; n++) this.hosts.push(await ServerProcess.start({ ...this.environment, SERVE: 'all' }));
    this.connected = await Operator.connect(this.environment);
    if (this.system) await this.decide();
    await this.settled();
  }

  /** Resolves when every host works on the legacy database. */
  private async decide(): Promise<void> {
    await decideHomes(this.environment, 'legacy');
    for (const { url } of this.hosts) await until(async () => Object.keys(await partsOf(url)).length === domainsWithData.length);
  }

  private get operator(): Operator {
    if (!this.connected) throw new Error('no process has made host_db yet');
    return this.connected;
  }

  /** Resolves when every process that runs is known, and can be called if there is a broker. */
  async settled(): Promise<void> {
    const running = this.processes.filter(({ isRunning }) => isRunning).map(({ url }) => url);
    await until(async () => {
      const { all } = await this.operator.routes.processes();
      return running.every((url) =>
        all.some((process) => process.url === url && process.is_live && (process.queue !== '' || !this.environment['AMQP_URL'])),
      );
    });
  }
}

async function startLegacy({ variant, postgres }: LegacyPlan): Promise<LegacySystem> {
  const database = await makePrepared(variant, postgres);
  return { database, process: await LegacyProcess.start({ databaseUrl: database.url, secret: TEST_SECRET }) };
}

const settingsFor = ({ process, database }: LegacySystem, { sharesUploads = true }: LegacyPlan) => ({
  LEGACY_URL: process.url,
  LEGACY_DATABASE_URL: database.url,
  ...(sharesUploads ? { LEGACY_UPLOADS_DIR: join(process.folder, 'uploads') } : {}),
});

const percent = (part = 0): number => Math.round(part * 100);

/** What an operator has: routes and instances, past every process. */
class Operator {
  readonly routes: RouteService;

  private constructor(
    private readonly source: DataSource,
    settings: Settings,
  ) {
    const host = new Database(() => source);
    const { LEGACY_URL, LEGACY_DATABASE_URL } = settings;
    const reach = {
      legacy: LEGACY_URL !== undefined,
      legacyDatabaseUrl: LEGACY_DATABASE_URL,
      ownUrl: (name: DatabaseName) => databaseUrl(settings, name),
    };
    this.routes = new RouteService(host, settings.ROUTES, reachOf(settings), {
      homes: new DataHomes(host, settings.ROUTES, reach),
      probe: LEGACY_URL === undefined ? undefined : () => probeLegacy(LEGACY_URL, TEST_SECRET),
    });
  }

  static async connect(environment: Readonly<Record<string, string>>): Promise<Operator> {
    const settings = loadSettings(environment);
    const url = settings.HOST_DATABASE_URL!;
    const source = await openDataSource({ url, schema: 'banyan_host', role: 'banyan_host', poolSize: 2, applicationName: 'banyan test' });
    return new Operator(source, settings);
  }

  close(): Promise<void> {
    return this.source.destroy();
  }
}
