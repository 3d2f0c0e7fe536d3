import 'reflect-metadata';
import type { ClientOf } from '@banyan/platform/contract';
import { makeClient } from '@banyan/platform/dispatch/client';
import { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import { LocalCarrier } from '@banyan/platform/dispatch/local.carrier';
import { Routes } from '@banyan/platform/dispatch/routes';
import { KeepErrors, OperationServer } from '@banyan/platform/dispatch/server';
import { Metrics } from '@banyan/platform/telemetry/metrics';
import { type INestMicroservice, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { probeContract } from './probe.contract';
import { FOLDER, olderProbeContract, ProbeController, SELF } from './probe.controller';

/** The probe's domain, served by Nest as every domain is. */
export async function serveProbe(folder: string): Promise<{ server: OperationServer; app: INestMicroservice }> {
  const server = new OperationServer([olderProbeContract]);
  const dispatcher = new Dispatcher(new Routes(), { local: new LocalCarrier(server) }, new Metrics());
  const self = (): ClientOf<typeof probeContract> => makeClient(probeContract, dispatcher);

  @Module({
    controllers: [ProbeController],
    providers: [
      { provide: FOLDER, useValue: folder },
      { provide: SELF, useValue: self },
    ],
  })
  class Root {}
  const app = await NestFactory.createMicroservice(Root, { strategy: server, logger: false });
  app.useGlobalFilters(new KeepErrors());
  await app.listen();
  return { server, app };
}
