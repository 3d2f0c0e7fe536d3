import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DomainName } from '@banyan/domains';
import { loadSettings } from '@banyan/platform/config/settings';
import type { Actor, CallContext, ClientOf, Contract, Operation } from '@banyan/platform/contract';
import type { Carrier } from '@banyan/platform/dispatch/carrier';
import { asSystem } from '@banyan/platform/dispatch/context';
import { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import { LocalCarrier } from '@banyan/platform/dispatch/local.carrier';
import { Routes } from '@banyan/platform/dispatch/routes';
import { KeepErrors, OperationServer } from '@banyan/platform/dispatch/server';
import { SocketAdapter } from '@banyan/platform/edge/socket-adapter';
import { Runner } from '@banyan/platform/events/runner';
import { discoverSubscriptions } from '@banyan/platform/events/subscriptions';
import { InProcessKeyValue } from '@banyan/platform/keyvalue/in-process.keyvalue';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { PlatformModule } from '@banyan/platform/nest/platform.module';
import { FolderObjects } from '@banyan/platform/objects/folder.objects';
import type { ObjectStore } from '@banyan/platform/objects/object-store';
import { createLogger } from '@banyan/platform/telemetry/log';
import { Metrics } from '@banyan/platform/telemetry/metrics';
import type { Type } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, NestFactory } from '@nestjs/core';
import { contracts, domainTable } from '../../apps/server/src/domains';
import { TEST_SECRET } from './banyan';
import type { DataHome } from './data-homes';
import { RehearsalCarrier } from './rehearsal.carrier';

export interface HouseOptions {
  readonly domains: readonly DomainName[];
  /** For the domains among them that keep data. */
  readonly home: DataHome;
  readonly keyvalue?: KeyValue;
  readonly objects?: ObjectStore;
  /** Beside the usual ones. */
  readonly environment?: Readonly<Record<string, string>>;
}

export type Interruption = (execute: () => Promise<unknown>) => Promise<unknown>;

/** Real domains in one process, without HTTP: each is reached as other domains reach it, by its contract. */
export interface House {
  /** A client that calls as this user, or as the house itself. Each call is an intention of its own unless it is given a key. */
  as<C extends Contract>(caller: string | 'system', contract: C, role?: string): ClientOf<C>;
  /** A part of a domain, such as the registry in which an open socket registers. */
  get<T>(part: Type<T>): T;
  /** From now on calls of the operation go through here: before, after and instead of executing it, whatever a test wants to happen. */
  interrupt(operation: Operation, how: Interruption | undefined): void;
  /** Hands out every event that was announced, each twice, to those who need it, until there are no more. Nothing else does. @throws what a handler throws */
  deliverEvents(): Promise<void>;
  close(): Promise<void>;
}

/** Calls pass through JSON and, where they may be repeated, are executed twice. `home` and `keyvalue` stay open. */
export async function startHouse({
  domains,
  home,
  keyvalue = new InProcessKeyValue(),
  objects = noObjects(),
  environment,
}: HouseOptions): Promise<House> {
  const { databases } = home;
  const served = domains.map((domain) => domainTable[domain]);
  const server = new OperationServer(served.map(({ contract }) => contract));
  const seam = new Seam(new RehearsalCarrier(new LocalCarrier(server), { twice: true }));
  const dispatcher = new Dispatcher(new Routes({}), { local: seam }, new Metrics());
  const settings = loadSettings({ JWT_SECRET_KEY: TEST_SECRET, DATABASE_URL: 'postgres://unused', RATE_LIMITS: 'off', ...environment });
  const log = createLogger({ level: 'silent' });
  const platform = PlatformModule.with({ settings, jwtSecret: TEST_SECRET, log, keyvalue, objects, databases, dispatcher, contracts });
  const app = await NestFactory.createMicroservice(
    { module: class House {}, imports: [platform, ...served.map(({ module }) => module)] },
    { strategy: server, logger: false, abortOnError: false },
  );
  app.useGlobalFilters(new KeepErrors());
  app.useWebSocketAdapter(new SocketAdapter());
  await app.listen();
  const runner = new Runner(discoverSubscriptions(app.get(DiscoveryService), app.get(MetadataScanner)), {
    around: ({ id, subscription }, work) => asSystem(subscription, { key: `${id}/${subscription}` }, work),
  });

  /** @returns whether there were any */
  async function deliverSome(): Promise<boolean> {
    let found = false;
    for (const [domain, { outbox }] of databases.entries()) {
      const events = await outbox.after(0, 1_000);
      found ||= events.length > 0;
      for (const event of events) {
        for (const { name } of runner.subscriptions.filter((subscription) => subscription.event.name === event.name)) {
          const delivered = { ...event, subscription: name, attempt: 1 };
          for (let times = 0; times < 2; times++) if (runner.isNeeded(delivered)) await runner.run(delivered);
        }
        await home.admin(`DELETE FROM banyan_${domain}.outbox WHERE id = $1`, [event.id]);
      }
    }
    return found;
  }

  return {
    as: <C extends Contract>(caller: string, contract: C, role = 'user') => {
      const actor: Actor = caller === 'system' ? { kind: 'system', name: 'spec' } : { kind: 'user', userId: caller, role };
      const calls = Object.entries(contract.operations).map(([name, operation]) => [
        name,
        (input: unknown, { key = randomUUID() }: { key?: string } = {}) => dispatcher.callFromEdge(operation, input, { actor, key }),
      ]);
      return Object.fromEntries(calls) as ClientOf<C>;
    },
    get: (part) => app.get(part, { strict: false }),
    interrupt: (operation, how) => seam.set(operation.name, how),
    deliverEvents: async () => {
      while (await deliverSome());
    },
    close: () => app.close(),
  };
}

/** For domains that store no files: a folder that nobody makes. */
function noObjects(): ObjectStore {
  return new FolderObjects({ folder: join(tmpdir(), `banyan-none-${randomUUID()}`), secret: TEST_SECRET, publicUrl: 'http://unused' });
}

/** Where a test steps in between a caller and whoever serves him. */
class Seam implements Carrier {
  readonly name = 'seam';
  private readonly interruptions = new Map<string, Interruption>();

  constructor(private readonly carrier: Carrier) {}

  set(operation: string, how: Interruption | undefined): void {
    if (how) this.interruptions.set(operation, how);
    else this.interruptions.delete(operation);
  }

  call(operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    const execute = () => this.carrier.call(operation, input, context);
    return this.interruptions.get(operation.name)?.(execute) ?? execute();
  }
}
