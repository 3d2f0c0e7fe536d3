import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Operation } from '@banyan/platform/contract';
import type { Carriers } from '@banyan/platform/dispatch/dispatcher';
import { Dispatcher, type EdgeCall } from '@banyan/platform/dispatch/dispatcher';
import { LocalCarrier } from '@banyan/platform/dispatch/local.carrier';
import { ALL, Routes } from '@banyan/platform/dispatch/routes';
import { closeRabbit, connectRabbit } from '@banyan/platform/rabbitmq/connection';
import { RabbitCarrier } from '@banyan/platform/rabbitmq/rabbitmq.carrier';
import { createLogger } from '@banyan/platform/telemetry/log';
import { Metrics } from '@banyan/platform/telemetry/metrics';
import { createTestBroker, type TestBroker } from '../support/rabbitmq';
import { RehearsalCarrier } from '../support/rehearsal.carrier';
import { serveProbe } from './probe.server';
import { Workers, type WorkerOptions } from './workers';

export const CARRIER_KEY = 'only-for-tests-0123456789abcdefghijklmnop';
export const silent = createLogger({ level: 'silent' });

/** Where the probe writes what it has executed. */
export class Traces {
  readonly folder = mkdtempSync(join(tmpdir(), 'banyan-probe-'));

  /** Everything executed so far, in order; of one mark only, if given. */
  executed(mark?: string): string[] {
    const file = join(this.folder, 'executed');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
    return mark === undefined ? lines : lines.filter((line) => line === mark);
  }

  /** Let what holds under this mark go on. */
  release(mark: string): void {
    writeFileSync(join(this.folder, `go-${mark}`), '');
  }

  async begun(mark: string): Promise<void> {
    await until(() => this.executed(mark).length > 0);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(5);
}

/** A caller of the probe, whatever carries its calls. */
export interface Caller {
  readonly traces: Traces;
  readonly dispatcher: Dispatcher;
  call(operation: Operation, input: unknown, more?: Partial<EdgeCall>): Promise<unknown>;
  close(): Promise<void>;
}

export async function localCaller(): Promise<Caller> {
  const traces = new Traces();
  const { server, app } = await serveProbe(traces.folder);
  const local = new RehearsalCarrier(new LocalCarrier(server), { twice: false });
  return callerOf(traces, { local }, async () => {
    await app.close();
    traces.remove();
  });
}

/** Everything that a test of the remote carrier takes in its hands. */
export interface RemoteCaller extends Caller {
  readonly broker: TestBroker;
  readonly carrier: RabbitCarrier;
  readonly workers: Workers;
  readonly connection: AmqpConnection;
  startWorker(limits?: Partial<WorkerOptions>): ReturnType<Workers['start']>;
}

/** As an edge, or `withCopy` as a host: with the domain in this process too. `url` leads to the broker, such as through a proxy. */
export async function remoteCaller({
  withCopy = false,
  wait = true,
  ...given
}: { withCopy?: boolean; wait?: boolean; broker?: TestBroker; url?: string } = {}): Promise<RemoteCaller> {
  const broker = given.broker ?? (await createTestBroker());
  const traces = new Traces();
  const workers = new Workers();
  const connection = await connectRabbit({ url: given.url ?? broker.url, name: 'test', log: silent });
  const carrier = new RabbitCarrier({ connection, directory: workers, key: CARRIER_KEY, log: silent });
  const { server, app } = await serveProbe(traces.folder);
  const carriers = { local: new LocalCarrier(server), remote: carrier, serves: () => withCopy };
  if (wait) await carrier.ready();
  const caller = callerOf(traces, carriers, async () => {
    await workers.killAll();
    await carrier.close();
    await closeRabbit(connection);
    await app.close();
    await broker.drop();
    traces.remove();
  });
  const startWorker = (limits: Partial<WorkerOptions> = {}) =>
    workers.start({ amqpUrl: broker.url, key: CARRIER_KEY, folder: traces.folder, ...limits });
  return { ...caller, broker, carrier, workers, connection, startWorker };
}

function callerOf(traces: Traces, carriers: Carriers, close: () => Promise<void>): Caller {
  const dispatcher = new Dispatcher(
    new Routes({ probe: { remote: carriers.remote ? ALL : 0, local: 0, legacy: 0 } }),
    carriers,
    new Metrics(),
  );
  return {
    traces,
    dispatcher,
    call: (operation, input, more) =>
      dispatcher.callFromEdge(operation, input, { actor: { kind: 'system', name: 'test' }, key: 'key', ...more }),
    close,
  };
}
