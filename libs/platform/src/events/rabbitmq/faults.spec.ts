import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Logger } from '@nestjs/common';
import { createTestDatabase, type TestDatabase } from '../../../../../test/support/database';
import { connectBroker, disconnectBroker, effectsTable, fast, happened, range, recording, until } from '../../../../../test/support/events';
import { type Servers, startServers } from '../../../../../test/support/servers';
import { startTcpProxy } from '../../../../../test/support/tcp-proxy';
import { Outbox } from '../outbox';
import { AmqpEvents } from './amqp-events';

/** The broker is this spec's own: it is killed, wiped and frozen under a steady stream of events. */
let servers: Servers;
let producer: TestDatabase;
let consumer: TestDatabase;
let outbox: Outbox;
const endings: (() => Promise<unknown>)[] = [];

// Each starts a broker once or twice, which takes many seconds on a busy machine.
jest.setTimeout(180_000);

beforeAll(async () => {
  Logger.overrideLogger(false);
  [servers, producer, consumer] = await Promise.all([
    startServers('rabbitmq'),
    createTestDatabase({ schema: 'banyan_producer' }),
    createTestDatabase({ schema: 'banyan_consumer', setup: [effectsTable] }),
  ]);
  outbox = new Outbox(producer.database);
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
  await producer.admin('TRUNCATE outbox, published, leases');
  await consumer.admin('TRUNCATE inbox, effects RESTART IDENTITY');
});
afterAll(async () => {
  Logger.overrideLogger(true);
  await Promise.all([servers.stop(), producer.drop(), consumer.drop()]);
});

const brokerUrl = () => servers.env['TEST_AMQP_URL'] ?? '';
const record = () => {
  const file = JSON.parse(readFileSync(servers.env['TEST_SERVICES_FILE'] ?? '', 'utf8')) as {
    services: { rabbitmq: { folder: string; process: { pid: number } } };
  };
  return file.services.rabbitmq;
};
const wipe = async () => {
  await servers.kill('rabbitmq');
  await rm(join(record().folder, 'mnesia'), { recursive: true, force: true });
  await servers.start('rabbitmq');
};

/** A process's publisher, here; its consumers, here or elsewhere. */
const start = async (url = brokerUrl(), consumes = true) => {
  const connection = await connectBroker(url);
  endings.push(() => disconnectBroker(connection));
  const subscriptions = [recording(consumer.database)];
  const events = new AmqpEvents(connection, new Map([['producer', producer.database]]), consumes ? subscriptions : [], subscriptions, fast);
  events.start();
  endings.push(() => events.stop());
  return events;
};
const announce = (ns: readonly number[]) =>
  producer.database.transaction((tx) =>
    outbox.addAll(
      tx,
      ns.map((n) => outbox.draft(happened, { n }, { key: String(n % 7) })),
    ),
  );
const effects = async () => (await consumer.admin<{ n: number }>('SELECT n FROM effects ORDER BY at')).map(({ n }) => n);
const arrived = (count: number) => until(async () => (await effects()).length >= count);

/**
 * Announces until it is told to stop. @returns how many were announced
 *
 * Begins when the first event has arrived: RabbitMQ 3.10 does not survive a kill between the beginning and the end of the declaration of
 * a quorum queue, which is then left without a leader.
 */
const stream = async () => {
  let isOver = false;
  let count = 1;
  await announce([0]);
  await arrived(1);
  const running = (async () => {
    while (!isOver) {
      await announce(range(5, count));
      count += 5;
      await new Promise((wait) => setTimeout(wait, 5));
    }
  })();
  return {
    /** Or rejects when nothing can be announced. */
    announced: (least: number) => Promise.race([until(() => count >= least || isOver), running]),
    stop: async () => {
      isOver = true;
      await running;
      return count;
    },
  };
};
const expectAllOnce = async (count: number) => {
  await arrived(count);
  expect((await effects()).sort((a, b) => a - b)).toEqual(range(count));
  expect(await outbox.pending()).toBe(0);
};

const startConsumer = async (): Promise<ChildProcess> => {
  const options = { ...fast, prefetch: 8 };
  const child = spawn(
    process.execPath,
    [
      '--import',
      pathToFileURL(resolve('test/support/typescript.mjs')).href,
      '-e',
      `require(${JSON.stringify(resolve('test/support/event-consumer.ts'))})`,
      JSON.stringify({ database: consumer.url, schema: consumer.schema, broker: brokerUrl(), options }),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  endings.push(() => kill(child));
  await once(child.stdout, 'data');
  return child;
};
const kill = async (child: ChildProcess) => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
};

it('a broker that is not there at the start gets the events when it is', async () => {
  await servers.kill('rabbitmq');
  await start();
  await announce(range(50));
  expect(await outbox.pending()).toBe(50);
  await servers.start('rabbitmq');
  await expectAllOnce(50);
});

it('a broker killed and started again under a stream costs nothing', async () => {
  await start();
  const load = await stream();
  await load.announced(50);
  await servers.kill('rabbitmq');
  await load.announced(200);
  await servers.start('rabbitmq');
  await load.announced(400);
  await expectAllOnce(await load.stop());
});

it('a broker that comes back without its data gets again what it had confirmed', async () => {
  const away = await start(undefined, false);
  await announce(range(100));
  await until(async () => (await outbox.pending()) === 0); // all are in the queue, and nobody takes them
  await wipe();
  await away.stop();
  await start();
  await expectAllOnce(100);
});

it('a broker that comes back with its data gets nothing again', async () => {
  const away = await start(undefined, false);
  await announce(range(20));
  await until(async () => (await outbox.pending()) === 0);
  await servers.kill('rabbitmq');
  await servers.start('rabbitmq');
  await announce([20]); // its confirm shows that the channel was set up anew
  await until(async () => (await outbox.pending()) === 0);
  const before = await producer.admin<{ published_at: string }>(
    'SELECT published_at::text FROM published WHERE position < (SELECT max(position) FROM published)',
  );
  expect(before).toHaveLength(20);
  expect(new Set(before.map(({ published_at }) => published_at)).size).toBe(1); // one transaction, before the restart
  await away.stop();
  await start();
  await expectAllOnce(21);
});

it('a broker wiped under a stream costs nothing', async () => {
  await start();
  const load = await stream();
  await load.announced(50);
  await wipe();
  await load.announced(400);
  await expectAllOnce(await load.stop());
});

it('a frozen broker costs nothing', async () => {
  await start();
  const load = await stream();
  await load.announced(50);
  // For less than a confirm may take, and for longer than the connection lives without a heartbeat.
  for (const count of [200, 4_000]) {
    process.kill(record().process.pid, 'SIGSTOP');
    await load.announced(count);
    process.kill(record().process.pid, 'SIGCONT');
  }
  await expectAllOnce(await load.stop());
});

it('connections cut again and again cost nothing', async () => {
  const proxy = await startTcpProxy(brokerUrl());
  endings.push(() => proxy.close());
  await start(proxy.through(brokerUrl()));
  const load = await stream();
  for (let cut = 1; cut <= 12; cut++) {
    await load.announced(cut * 40 + Math.floor(Math.random() * 20));
    await proxy.stop();
    await proxy.start();
  }
  await expectAllOnce(await load.stop());
});

it('two processes share a subscription, and what one had when it was killed the other gets', async () => {
  await start(undefined, false);
  const [one] = await Promise.all([startConsumer(), startConsumer()]);
  const load = await stream();
  await load.announced(100);
  await kill(one);
  await load.announced(250);
  await startConsumer();
  await load.announced(300);
  await expectAllOnce(await load.stop());
});
