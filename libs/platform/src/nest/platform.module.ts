import { type DynamicModule, Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import type { Settings } from '../config/table';
import type { Contract } from '../contract';
import { clientToken, makeClient } from '../dispatch/client';
import { Dispatcher } from '../dispatch/dispatcher';
import type { ObjectStore } from '../objects/object-store';
import type { KeyValue } from '../keyvalue/keyvalue';
import type { Logger } from '../telemetry/log';
import { Databases } from './databases';
import type { Database } from '../database/database';
import type { RouteTable } from '../host/route-table';
import { HOST_STATE, JWT_SECRET, KEYVALUE, LOG, OBJECTS, SETTINGS } from './inject';

/** host_db and what is followed there. */
export interface HostState {
  readonly database: Database;
  readonly routes: RouteTable;
}

/** What is made before Nest starts, once per process. */
export interface PlatformParts {
  readonly settings: Settings;
  readonly jwtSecret: string;
  readonly log: Logger;
  readonly keyvalue: KeyValue;
  readonly objects: ObjectStore;
  readonly databases: Databases;
  readonly dispatcher: Dispatcher;
  /** Of every domain, loaded here or not: each has a client. */
  readonly contracts: readonly Contract[];
  readonly host?: HostState;
}

/** Hands the parts of the platform to every domain. */
@Global()
@Module({ imports: [DiscoveryModule], exports: [DiscoveryModule] })
export class PlatformModule {
  static with({ settings, jwtSecret, log, keyvalue, objects, databases, dispatcher, contracts, host }: PlatformParts): DynamicModule {
    const providers = [
      { provide: SETTINGS, useValue: settings },
      { provide: JWT_SECRET, useValue: jwtSecret },
      { provide: LOG, useValue: log },
      { provide: KEYVALUE, useValue: keyvalue },
      { provide: OBJECTS, useValue: objects },
      { provide: Databases, useValue: databases },
      { provide: Dispatcher, useValue: dispatcher },
      { provide: HOST_STATE, useValue: host },
      ...contracts.map((contract) => ({ provide: clientToken(contract), useValue: makeClient(contract, dispatcher) })),
    ];
    return { module: PlatformModule, providers, exports: providers.map(({ provide }) => provide) };
  }
}
