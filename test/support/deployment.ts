import { randomBytes } from 'node:crypto';
import { domainNames, type DomainName } from '@banyan/domains';
import { RouteService } from '@banyan/migration/routes/route.service';
import { type DatabaseName, settingOf } from '@banyan/platform/config/databases';
import { loadSettings } from '@banyan/platform/config/settings';
import type { Settings } from '@banyan/platform/config/table';
import { Database } from '@banyan/platform/database/database';
import { openDataSource } from '@banyan/platform/database/data-source';
import { reachOf } from '@banyan/platform/host/route-table';
import type { DataSource } from 'typeorm';
import { ServerProcess } from './server-process';
import { dropDatabases, freshEnvironment } from './banyan';
import { createTestBroker, type TestBroker } from './rabbitmq';
import { until } from './until';

export interface DeploymentOptions {
  readonly hosts?: number;
  /** How many workers of each domain; none of those that are not named. */
  readonly workers: Readonly<Partial<Record<DomainName, number>>>;
  /** The part of each domain's work that workers do at first, 0 to 1; 0 if it is not named. */
  readonly remote?: Readonly<Partial<Record<DomainName, number>>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** A broker of the test's own, which it may kill; else a virtual host of the one that all tests share. */
  readonly amqpUrl?: string;
}

/** Hosts and workers, each a process of its own, on databases and a virtual host of their own. */
export class Deployment {
  readonly hosts: ServerProcess[] = [];
  readonly workers: { readonly domain: DomainName; readonly process: ServerProcess }[] = [];
  private connected: Operator | undefined;

  private constructor(
    readonly environment: Readonly<Record<string, string>>,
    private readonly broker: TestBroker | undefined,
  ) {}

  /** Resolves when all are ready and each knows all others. Workers come first, so that no request finds them missing. */
  static async start({ hosts = 1, workers, remote = {}, environment = {}, amqpUrl }: DeploymentOptions): Promise<Deployment> {
    const broker = amqpUrl ? undefined : await createTestBroker();
    const routes = domainNames.map((domain) => {
      const share = (remote[domain] ?? 0) * 100;
      return `${domain}=remote:${share}%,local:${100 - share}%`;
    });
    const deployment = new Deployment(
      {
        ...freshEnvironment({ redis: true }),
        LOG_LEVEL: 'warn',
        AMQP_URL: amqpUrl ?? broker!.url,
        CARRIER_KEY: randomBytes(32).toString('hex'),
        ROUTES: routes.join(' '),
        ...environment,
      },
      broker,
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

  /** Move a part of a domain's work (0 to 1) to its workers, as an operator does; resolves when it is decided. @returns its version */
  async route(domain: DomainName, share: number): Promise<number> {
    const remote = Math.round(share * 100);
    const to = { remote, local: 100 - remote, legacy: 0 };
    const { version } = await this.operator.routes.change({ domain, to, by: 'test', why: 'a flip', force: true });
    return version;
  }

  /** Where a database of it is, as the superuser. */
  databaseUrl(name: DatabaseName): string {
    return this.environment[settingOf(name)]!;
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
    await dropDatabases(this.environment);
    await this.broker?.drop();
  }

  private async startAll(hosts: number, workers: DeploymentOptions['workers']): Promise<void> {
    const wanted = domainNames.flatMap((domain) => Array.from({ length: workers[domain] ?? 0 }, () => domain));
    await Promise.all(
      wanted.map(async (domain) => {
        const process = await ServerProcess.start({ ...this.environment, SERVE: domain });
        this.workers.push({ domain, process });
      }),
    );
    for (let n = 0; n < hosts; n++) this.hosts.push(await ServerProcess.start({ ...this.environment, SERVE: 'all' }));
    this.connected = await Operator.connect(this.environment);
    await this.settled();
  }

  private get operator(): Operator {
    if (!this.connected) throw new Error('no process has made host_db yet');
    return this.connected;
  }

  /** Resolves when every process that runs can be called. */
  async settled(): Promise<void> {
    const running = this.processes.filter(({ isRunning }) => isRunning).map(({ url }) => url);
    await until(async () => {
      const { all } = await this.operator.routes.processes();
      return running.every((url) => all.some((process) => process.url === url && process.is_live && process.queue !== ''));
    });
  }
}

/** What an operator has: routes and instances, past every process. */
class Operator {
  readonly routes: RouteService;

  private constructor(
    private readonly source: DataSource,
    settings: Settings,
  ) {
    this.routes = new RouteService(new Database(() => source), settings.ROUTES, reachOf(settings));
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
