import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Deployment } from '../support/deployment';
import { type Servers, startServers } from '../support/servers';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { Load } from './load';
import { type Aftermath, clean, verdict } from './scene';
import { eventsSettled } from './settled';

jest.setTimeout(300_000);

/** The broker is this test's own, and every process reaches it through the proxy. */
let servers: Servers;
let proxy: TcpProxy;
let deployment: Deployment | undefined;

beforeEach(async () => {
  servers = await startServers('rabbitmq');
  proxy = await startTcpProxy(brokerUrl());
});

afterEach(async () => {
  await deployment?.remove();
  deployment = undefined;
  await proxy.close();
  await servers.stop();
});

const brokerUrl = () => servers.env['TEST_AMQP_URL']!;

interface BrokerRecord {
  readonly folder: string;
  readonly process: { readonly pid: number };
}

const broker = (): BrokerRecord =>
  (JSON.parse(readFileSync(servers.env['TEST_SERVICES_FILE']!, 'utf8')) as { services: { rabbitmq: BrokerRecord } }).services.rabbitmq;

/** Steps of the load in which a fault lasts, and in which everybody gets over it. */
const STEPS = 150;

const faults: Record<string, (load: Load) => Promise<void>> = {
  'is killed and started again': async (load) => {
    await servers.kill('rabbitmq');
    await load.further(STEPS);
    await servers.start('rabbitmq');
  },
  'loses all that it had': async (load) => {
    await servers.kill('rabbitmq');
    await rm(join(broker().folder, 'mnesia'), { recursive: true, force: true });
    await load.further(STEPS);
    await servers.start('rabbitmq');
  },
  'says nothing for a while': async (load) => {
    process.kill(broker().process.pid, 'SIGSTOP');
    await load.further(STEPS);
    process.kill(broker().process.pid, 'SIGCONT');
  },
  'is slow': async (load) => {
    proxy.delay(60);
    await load.further(STEPS);
    proxy.delay(0);
  },
  'loses one connection after the other': async (load) => {
    for (let cut = 0; cut < 15; cut++) {
      proxy.cutOne();
      await load.further(STEPS / 15);
    }
  },
  'and everybody lose all connections, twice': async (load) => {
    for (let cut = 0; cut < 2; cut++) {
      await proxy.stop();
      await load.further(STEPS / 3);
      await proxy.start();
      await load.further(STEPS / 3);
    }
  },
};

/** The load goes on during the fault and after it. */
async function underLoad(fault: (load: Load) => Promise<void>): Promise<Aftermath> {
  const [host, other] = deployment!.hosts;
  const load = await Load.prepare({
    baseUrl: host!.url,
    otherUrls: [other!.url],
    users: 20,
    conversations: 32,
    steps: Infinity,
    pauseMs: 500,
  });
  load.start();
  await load.further(STEPS);
  try {
    await fault(load);
    await load.further(2 * STEPS);
  } finally {
    load.stop();
  }
  const violations = await load.finish(() => eventsSettled((name) => deployment!.databaseUrl(name)));
  return { load, violations };
}

const outcomeOf = ({ load, ...after }: Aftermath) => ({ ...verdict({ load, ...after }), failed: load.tally.failed });
const well = ({ load, ...after }: Aftermath) => ({ ...clean({ load, ...after }), failed: 0 });

const workers = { user: 2, message: 2, relay: 2 };

describe('RabbitMQ', () => {
  it.each(Object.entries(faults))('%s: nobody is failed, nothing is lost, and workers work again by themselves', async (_what, fault) => {
    deployment = await Deployment.start({
      hosts: 2,
      workers,
      remote: { user: 1, message: 1, relay: 1 },
      amqpUrl: proxy.through(brokerUrl()),
    });
    const after = await underLoad(fault);
    expect(outcomeOf(after)).toEqual(well(after));
    await untilWorkersWork();
  });

  it.each(Object.entries(faults))('%s: domains that are local do not notice', async (_what, fault) => {
    deployment = await Deployment.start({ hosts: 2, workers: { message: 1 }, amqpUrl: proxy.through(brokerUrl()) });
    const after = await underLoad(fault);
    expect(outcomeOf(after)).toEqual(well(after));
    expect(after.load.tally.unserved).toBe(0);
    for (const domain of ['auth', 'user', 'message', 'relay'] as const) {
      expect(Object.keys(await deployment.attempts(domain))).toEqual(['local']);
    }
  });
});

describe('a worker', () => {
  it('frozen and thawed: nobody is failed, nothing is lost, and it works again by itself', async () => {
    deployment = await Deployment.start({
      hosts: 2,
      workers,
      remote: { user: 1, message: 1, relay: 1 },
      amqpUrl: proxy.through(brokerUrl()),
    });
    const after = await underLoad(async (load) => {
      for (const { process } of deployment!.workers) {
        process.freeze();
        await load.further(STEPS / 3);
        process.thaw();
        await load.further(STEPS / 3);
      }
    });
    expect(outcomeOf(after)).toEqual(well(after));
    await untilWorkersWork();
  });
});

/** Requests of each remote domain go to workers again, without anybody having done anything. */
async function untilWorkersWork(): Promise<void> {
  for (const domain of ['user', 'message', 'relay'] as const) {
    const { remote: before = 0 } = await deployment!.attempts(domain);
    while (((await deployment!.attempts(domain))['remote'] ?? 0) <= before) {
      const load = await Load.prepare({ baseUrl: deployment!.url, users: 2, conversations: 1, steps: 3 });
      load.start();
      await load.finish(async () => undefined);
      await pause(50);
    }
  }
}
