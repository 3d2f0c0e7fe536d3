import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { ConfirmChannel } from 'amqplib';
import { createTestDatabase, type TestDatabase } from '../../../../../test/support/database';
import {
  connectBroker,
  disconnectBroker,
  effectsTable,
  fast,
  happened,
  range,
  recording,
  subscription,
  until,
} from '../../../../../test/support/events';
import { createTestBroker, type TestBroker } from '../../../../../test/support/rabbitmq';
import { startTcpProxy } from '../../../../../test/support/tcp-proxy';
import { sql } from '../../database/sql';
import { DeadLetters } from '../dead-letters';
import { LocalEvents } from '../local-events';
import { Outbox } from '../outbox';
import type { Delivered, StoredEvent } from '../stored-event';
import type { Subscription } from '../subscriptions';
import { AmqpEvents, type AmqpEventsOptions } from './amqp-events';
import { RabbitmqDeadLetters } from './rabbitmq.dead-letters';
import { RabbitmqTransport, type RabbitmqTransportOptions } from './rabbitmq.transport';
import { Topology } from './topology';

let producer: TestDatabase;
let consumer: TestDatabase;
let broker: TestBroker;
let outbox: Outbox;
const endings: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  Logger.overrideLogger(false);
  [producer, consumer] = await Promise.all([
    createTestDatabase({ schema: 'banyan_producer', setup: [effectsTable] }),
    createTestDatabase({ schema: 'banyan_consumer', setup: [effectsTable] }),
  ]);
  outbox = new Outbox(producer.database, { traceOf: () => 'a-trace' });
});
beforeEach(async () => {
  broker = await createTestBroker();
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
  await broker.drop();
  const tables = 'outbox, published, leases, inbox, redeliveries, effects RESTART IDENTITY';
  await Promise.all([producer.admin(`TRUNCATE ${tables}`), consumer.admin(`TRUNCATE ${tables}`)]);
});
afterAll(async () => {
  Logger.overrideLogger(true);
  await Promise.all([producer.drop(), consumer.drop()]);
});

const databases = () =>
  new Map([
    ['producer', producer.database],
    ['consumer', consumer.database],
  ]);
const connect = async (url = broker.url): Promise<AmqpConnection> => {
  const connection = await connectBroker(url);
  endings.push(() => disconnectBroker(connection));
  return connection;
};
/** As a process does it. */
const start = async (
  subscriptions: readonly Subscription[],
  { known = subscriptions, url, ...options }: AmqpEventsOptions & { known?: readonly Subscription[]; url?: string } = {},
) => {
  const events = new AmqpEvents(await connect(url), databases(), subscriptions, known, { ...fast, ...options });
  events.start();
  endings.push(() => events.stop());
  return events;
};
const announce = (n: number, key?: string) => producer.database.transaction((tx) => outbox.add(tx, happened, { n }, { key }));
const announceAll = (ns: readonly number[], key?: string) =>
  producer.database.transaction((tx) =>
    outbox.addAll(
      tx,
      ns.map((n) => outbox.draft(happened, { n }, { key })),
    ),
  );
const isEven: Subscription['isNeeded'] = ({ data }) => (data as { n: number }).n % 2 === 0;
const isEmpty = async () => (await outbox.pending()) === 0;
const effects = async () => (await consumer.admin<{ n: number }>('SELECT n FROM effects ORDER BY at')).map(({ n }) => n);
const sorted = (ns: readonly number[]) => [...ns].sort((a, b) => a - b);
const letters = async (topology: Topology) => {
  const box = new RabbitmqDeadLetters(await connect(), topology);
  endings.push(() => Promise.resolve(box.close()));
  return box;
};
/** Delivers as after a sweep. */
const opened = (connection: AmqpConnection, topology: Topology, options: RabbitmqTransportOptions = fast) => {
  const transport = new RabbitmqTransport(connection, topology, { name: 'spec', restore: () => Promise.resolve(0) }, options);
  return {
    deliver: async (batch: readonly StoredEvent[]) => {
      await transport.prepare();
      return transport.deliver(batch);
    },
    close: () => transport.close(),
  };
};
/** What a test does to the broker itself. */
const onChannel = async <T>(work: (channel: ConfirmChannel) => Promise<T>): Promise<T> => {
  const connection = await connectBroker(broker.url);
  await until(() => connection.managedConnection.isConnected());
  const channel = await connection.managedConnection.connection?.createConfirmChannel();
  if (channel === undefined) throw new Error('no connection');
  channel.on('error', () => undefined);
  try {
    return await work(channel);
  } finally {
    await disconnectBroker(connection);
  }
};

describe('an announcement', () => {
  it('reaches each subscriber whole, and leaves the outbox when the broker has it', async () => {
    const seen: Delivered[] = [];
    const see = (name: string) => subscription(name, (delivered) => Promise.resolve(seen.push(delivered)));
    await start([see('see'), see('watch')]);
    await announce(2, 'k');
    await until(async () => seen.length === 2 && (await isEmpty()));
    const expected = {
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/) as string,
      name: 'thing.happened',
      key: 'k',
      data: { n: 2 },
      trace: 'a-trace',
      occurred_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string,
      attempt: 1,
    };
    expect(seen.sort((a, b) => (a.subscription < b.subscription ? -1 : 1))).toEqual([
      { ...expected, subscription: 'consumer.see' },
      { ...expected, subscription: 'consumer.watch' },
    ]);
  });

  it('of nobody’s interest leaves the outbox', async () => {
    await announceAll([1, 2]);
    await start([]);
    await until(isEmpty);
  });

  it('waits in the queue of a subscriber that has never run', async () => {
    const seen: number[] = [];
    const later = subscription('later', ({ data }) => Promise.resolve(seen.push(data.n)));
    await start([], { known: [later] });
    await announceAll(range(5));
    await until(isEmpty);
    await start([later]);
    await until(() => seen.length === 5);
  });

  it('keeps the order of its key, and more than a batch loses nothing', async () => {
    const seen: number[] = [];
    await start([subscription('see', ({ data }) => Promise.resolve(seen.push(data.n))), recording(consumer.database)], {
      maxUnconfirmed: 64,
      batchSize: 100,
    });
    await announceAll(range(300), 'same');
    await until(async () => seen.length === 300 && (await effects()).length === 300);
    expect(seen).toEqual(range(300));
    expect(await effects()).toEqual(range(300));
  });

  it('carries even a text that PostgreSQL cannot hold as it was written', async () => {
    const seen: string[] = [];
    const key = 'a\0b\ud800c';
    await start([subscription('see', (delivered) => Promise.resolve(seen.push(delivered.key ?? '')))]);
    const transport = opened(await connect(), new Topology([]));
    const stored = { id: '1', name: 'thing.happened', key, data: { n: 1 }, trace: null, occurred_at: '' };
    await until(async () => (await transport.deliver([stored])).length === 1);
    await until(() => seen.length > 0);
    expect(seen[0]).toBe(key);
    transport.close();
  });
});

describe('the transport', () => {
  const stored = (n: number, key: string | null = null): StoredEvent => ({
    id: String(n),
    name: 'thing.happened',
    key,
    data: { n },
    trace: null,
    occurred_at: '',
  });
  const see = subscription('see', () => Promise.resolve());

  it('takes nothing while there is no broker, and everything when there is', async () => {
    const proxy = await startTcpProxy(broker.url);
    endings.push(() => proxy.close());
    await proxy.stop();
    const transport = opened(await connect(proxy.through(broker.url)), new Topology([see], fast));
    expect(await transport.deliver([stored(1)])).toEqual([]);
    await proxy.start();
    await until(async () => (await transport.deliver([stored(1)])).length === 1);
    transport.close();
  });

  it('does not wait for ever on one that is silent', async () => {
    const proxy = await startTcpProxy(broker.url);
    endings.push(() => proxy.close());
    const transport = opened(await connect(proxy.through(broker.url)), new Topology([see], fast), { confirmTimeoutMs: 100 });
    await until(async () => (await transport.deliver([stored(1)])).length === 1);
    proxy.freeze();
    expect(await transport.deliver([stored(2), stored(3)])).toEqual([]);
    expect(await transport.deliver([stored(2), stored(3)])).toEqual([]);
    proxy.thaw();
    await until(async () => (await transport.deliver([stored(2), stored(3)])).length === 2);
    transport.close();
  });

  it('does not give an event as taken that follows a refused one of its key', async () => {
    const topology = new Topology([see, { ...see, name: 'consumer.full', event: { ...happened, name: 'thing.full' } }], fast);
    // A queue that refuses everything stands for a broker that cannot take an event.
    await onChannel(async (channel) => {
      await topology.declare(channel);
      await channel.deleteQueue(topology.queueOf('consumer.full'));
    });
    const renamed = { ...stored(2, 'k'), name: 'thing.full' };
    // Its queue is gone and this process would declare it again: so it does not know it, only that it is wanted.
    class Forgetful extends Topology {
      override async declare(): Promise<void> {}
    }
    const transport = opened(await connect(), new Forgetful([see, { name: 'consumer.full', event: renamed }], fast));
    const batch = [stored(1, 'k'), renamed, stored(3, 'k'), stored(4), stored(5, 'other')];
    let taken: readonly StoredEvent[] = [];
    await until(async () => (taken = await transport.deliver(batch)).length > 0);
    const ids = taken.map(({ id }) => id);
    expect(ids).toContain('1');
    expect(ids).not.toContain('2');
    expect(ids).not.toContain('3');
    transport.close();
  });
});

describe('a handler', () => {
  it('that fails is tried again after its delays, and holds up nobody', async () => {
    const attempts: number[] = [];
    const failing = subscription('fail', async ({ data, attempt }) => {
      if (data.n !== 1) return;
      attempts.push(attempt);
      if (attempt < 4) throw new Error('secret text');
    });
    const others: number[] = [];
    await start([failing, subscription('see', ({ data }) => Promise.resolve(others.push(data.n)))]);
    await announceAll([1, 2, 3]);
    await until(() => attempts.length === 4 && others.length === 3);
    expect(attempts).toEqual([1, 2, 3, 4]);
    expect(sorted(others)).toEqual([1, 2, 3]);
  });

  it('that keeps failing leaves a dead letter without contents, which can be replayed', async () => {
    let isBroken = true;
    let failures = 0;
    const seen: number[] = [];
    const stubborn = subscription('try', async ({ data }) => {
      if (isBroken) failures++;
      if (isBroken) throw new TypeError('contents of a message');
      seen.push(data.n);
    });
    const { topology } = await start([stubborn], { maxAttempts: 3 });
    const box = await letters(topology);
    await announceAll([1, 2, 3]);
    await until(async () => (await box.list()).length === 3);
    const [first] = await box.list();
    expect(first).toEqual({
      subscription: 'consumer.try',
      event_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      event_name: 'thing.happened',
      attempts: 3,
      error: 'TypeError',
      failed_at: expect.stringMatching(/^\d{4}-/) as string,
    });
    expect(await box.list(2)).toHaveLength(2);
    expect(await box.replay(first?.event_id ?? '')).toBe(1);
    await until(async () => failures === 12 && (await box.list()).length === 3); // it failed three times again
    isBroken = false;
    expect(await box.replay(first?.event_id ?? '')).toBe(1);
    await until(() => seen.length === 1);
    expect(await box.replay('all')).toBe(2);
    await until(() => seen.length === 3);
    expect(await box.list()).toEqual([]);
    expect(await box.replay('all')).toBe(0);
  });

  it('that hangs counts as failed', async () => {
    let calls = 0;
    await start([subscription('hang', () => (++calls === 1 ? new Promise(() => undefined) : Promise.resolve()))], { handlerTimeoutMs: 20 });
    await announce(1);
    await until(() => calls === 2);
  });

  it('is called for those of its events that its condition says so of, also of several that came together', async () => {
    const seen: number[] = [];
    const even = { ...subscription('see', ({ data }) => Promise.resolve(seen.push(data.n))), isNeeded: isEven };
    const topology = new Topology([even], fast);
    await onChannel((channel) => topology.declare(channel));
    const transport = opened(await connect(), topology);
    const batches = [[1], [1, 3, 5], [0, 1, 2], [7, 8]].map((ns) =>
      ns.map((n) => ({ id: randomUUID(), name: 'thing.happened', key: null, data: { n }, trace: null, occurred_at: '' })),
    );
    for (const batch of batches) await until(async () => (await transport.deliver(batch)).length === batch.length);
    transport.close();
    await start([even]);
    await until(async () => seen.length === 3 && (await broker.messages(topology.queueOf('consumer.see'))) === 0);
    expect(sorted(seen)).toEqual([0, 2, 8]);
  });

  it('is called for what its condition fails with, and its failure is looked after', async () => {
    const seen: number[] = [];
    const even = { ...subscription('see', async ({ data }) => void seen.push(data.n)), isNeeded: isEven };
    const { topology } = await start([even], { maxAttempts: 2 });
    await announce(0);
    await until(() => seen.length === 1);
    await onChannel(async (channel) => {
      channel.publish(topology.exchange, 'thing.happened', Buffer.from('{"id":"a","name":"thing.happened"}'));
      await channel.waitForConfirms();
    });
    await announce(2);
    const box = await letters(topology);
    await until(async () => (await box.list()).length === 1);
    await until(() => seen.length === 2);
    expect(await box.list()).toMatchObject([{ subscription: 'consumer.see', error: 'TypeError', attempts: 2 }]);
  });

  it('never sees what is no event: that is a dead letter at once', async () => {
    const seen: number[] = [];
    const { topology } = await start([subscription('see', ({ data }) => Promise.resolve(seen.push(data.n)))]);
    await announce(1);
    await until(() => seen.length === 1);
    await onChannel(async (channel) => {
      for (const content of ['', 'no json', 'null', '[]', '{"id":7}'])
        channel.publish(topology.exchange, 'thing.happened', Buffer.from(content));
      await channel.waitForConfirms();
    });
    const box = await letters(topology);
    await until(async () => (await box.list()).length === 5);
    expect(new Set((await box.list()).map(({ error }) => error))).toEqual(new Set(['NotAnEvent']));
    expect(seen).toEqual([1]);
  });
});

describe('dead letters', () => {
  it('are each replayed once when several operators do it at once', async () => {
    let isBroken = true;
    const seen: number[] = [];
    const { topology } = await start(
      [
        subscription('try', async ({ data }) => {
          if (isBroken) throw new Error('no');
          seen.push(data.n);
        }),
      ],
      { maxAttempts: 1 },
    );
    await announceAll(range(50));
    const boxes = await Promise.all(range(3).map(() => letters(topology)));
    await until(async () => (await boxes[0]?.list())?.length === 50);
    isBroken = false;
    const replayed = await Promise.all(boxes.map((box) => box.replay('all')));
    expect(replayed.reduce((sum, count) => sum + count)).toBe(50);
    await until(() => seen.length >= 50);
    expect(sorted(seen)).toEqual(range(50));
  });

  it('of a subscription whose queue is gone stay dead letters', async () => {
    const { topology } = await start([subscription('gone', () => Promise.reject(new Error('no')))], { maxAttempts: 1 });
    await announce(1);
    const box = await letters(topology);
    await until(async () => (await box.list()).length === 1);
    await endings.pop()?.(); // the box
    await endings.pop()?.(); // its connection
    await endings.pop()?.(); // the events
    await onChannel((channel) => channel.deleteQueue(topology.queueOf('consumer.gone')));
    const later = await letters(new Topology([], fast));
    expect(await later.replay('all')).toBe(1);
    expect(await later.list()).toMatchObject([{ subscription: 'consumer.gone', event_name: 'thing.happened', error: 'NoQueue' }]);
  });
});

describe('a queue', () => {
  const nothing = { name: 'thing.happened', key: null, data: {}, trace: null, occurred_at: '' };

  it('takes events one by one that had come together to a process that died', async () => {
    const seen: number[] = [];
    let finish: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (finish = resolve));
    const sub = subscription('see', ({ data: { n } }) => {
      seen.push(n);
      return n === 1 ? held : Promise.resolve();
    });
    const topology = new Topology([sub], fast);
    await onChannel(async (channel) => {
      await topology.declare(channel);
      const transport = opened(await connect(), topology);
      const events = [0, 1, 2].map((n) => ({ id: `e${n}`, name: 'thing.happened', key: null, data: { n }, trace: null, occurred_at: '' }));
      await until(async () => (await transport.deliver(events)).length === 3);
      transport.close();
      const first = await channel.get(topology.queueOf('consumer.see'));
      expect(first && (JSON.parse(first.content.toString()) as unknown[]).length).toBe(3);
      expect(await channel.get(topology.queueOf('consumer.see'))).toBe(false);
      if (first) channel.nack(first, false, true); // as the broker does it for a consumer that died
    });
    await start([sub]);
    await until(() => seen.length === 3);
    await until(async () => (await broker.messages(topology.queueOf('consumer.see'))) === 1); // the one that is held
    finish?.();
    expect(sorted(seen)).toEqual([0, 1, 2]);
  });

  it('hands a message to the dead letters that keeps ending its consumers', async () => {
    const topology = new Topology([subscription('kill', () => Promise.resolve())], fast);
    await onChannel(async (channel) => {
      await topology.declare(channel);
      const transport = opened(await connect(), topology);
      const events = ['poison', 'second', 'third'].map((id) => ({ ...nothing, id }));
      await until(async () => (await transport.deliver(events)).length === 3);
      transport.close();
      for (;;) {
        const message = await channel.get(topology.queueOf('consumer.kill'));
        if (message === false) break;
        channel.nack(message, false, true); // as the broker does it for a consumer that died
      }
    });
    const box = await letters(topology);
    await until(async () => (await box.list()).length === 3);
    expect(await box.list()).toMatchObject(
      ['poison', 'second', 'third'].map((event_id) => ({
        subscription: 'consumer.kill',
        event_id,
        event_name: 'thing.happened',
        error: 'DeliveryLimit',
        failed_at: expect.stringMatching(/^20\d\d-/) as string,
      })),
    );
    // They came together, and are replayed each by itself.
    expect(await box.list(100, 'consumer')).toHaveLength(3);
    expect(await box.list(100, 'other')).toEqual([]);
    expect(await box.replay('second', 'other')).toBe(0);
    expect(await box.replay('second')).toBe(1);
    expect((await box.list()).map(({ event_id, error }) => [event_id, error])).toEqual([
      ['poison', 'DeliveryLimit'],
      ['third', 'DeliveryLimit'],
    ]);
    const seen: string[] = [];
    await start([subscription('kill', async ({ id }) => void seen.push(id))]);
    await until(() => seen.length === 1);
    expect(await box.replay('all')).toBe(2);
    await until(() => seen.length === 3);
    expect(seen.sort()).toEqual(['poison', 'second', 'third']);
  });
});

describe('which copies consume', () => {
  const counting = () => {
    const seen: number[] = [];
    return { seen, sub: subscription('see', ({ data }) => Promise.resolve(seen.push(data.n))) };
  };
  const consumersOf = (topology: Topology) =>
    onChannel(async (channel) => (await channel.checkQueue(topology.queueOf('consumer.see'))).consumerCount);

  const taking = ({ seen }: { seen: readonly number[] }, before = 0) =>
    until(async () => {
      await announce(0);
      return seen.length > before;
    });

  it('follows setActive, and the last one stays until another has begun', async () => {
    const [one, two] = [counting(), counting()];
    const first = await start([one.sub]);
    await announce(0);
    await until(() => one.seen.length === 1);
    first.setActive(() => false);
    await announce(1);
    await until(() => one.seen.length === 2); // nobody else is there
    const second = await start([two.sub]);
    await taking(two);
    await until(async () => (await consumersOf(first.topology)) === 1);
    // Of those that were announced to see who takes them, some may still be on their way.
    const later = ({ seen }: { seen: readonly number[] }) => sorted(seen.filter((n) => n >= 100));
    await announceAll(range(20, 100));
    await until(() => later(two).length === 20);
    expect(later(one)).toEqual([]);
    second.setActive(() => false);
    first.setActive((domain) => domain === 'consumer');
    await taking(one, one.seen.length);
    await until(async () => (await consumersOf(first.topology)) === 1);
    await announceAll(range(20, 200));
    await until(() => later(one).length === 20);
    expect(later(two)).toEqual(range(20, 100));
  });

  it('is not undone by a reconnect', async () => {
    const proxy = await startTcpProxy(broker.url);
    endings.push(() => proxy.close());
    const [one, two] = [counting(), counting()];
    const leaving = await start([one.sub], { url: proxy.through(broker.url) });
    await start([two.sub]);
    await until(async () => {
      await announce(0);
      return one.seen.length > 0 && two.seen.length > 0;
    });
    leaving.setActive(() => false);
    await until(async () => (await consumersOf(leaving.topology)) === 1);
    const before = one.seen.length;
    await proxy.stop();
    await proxy.start();
    await announceAll(range(30));
    await until(() => two.seen.filter((n) => n > 0).length >= 29);
    expect(await consumersOf(leaving.topology)).toBe(1);
    expect(one.seen).toHaveLength(before);
  });

  it('may change under load without an event lost or had twice', async () => {
    const both = await Promise.all(range(2).map(() => start([recording(consumer.database)])));
    const total = 1_500;
    const stream = (async () => {
      for (let n = 0; n < total; n += 10) await announceAll(range(10, n));
    })();
    let isOver = false;
    const flips = (async () => {
      for (let turn = 0; !isOver; turn++) {
        both[turn % 2]?.setActive(() => true);
        both[(turn + 1) % 2]?.setActive(() => false);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    await stream;
    await until(async () => (await effects()).length >= total);
    isOver = true;
    await flips;
    expect(sorted(await effects())).toEqual(range(total));
  });

  it('stops with its work done: what has begun is acknowledged, what has not is left to others', async () => {
    let finish: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (finish = resolve));
    const begun: number[] = [];
    const first = await start([
      subscription('see', ({ data }) => {
        begun.push(data.n);
        return held;
      }),
    ]);
    await announceAll(range(5), 'same'); // one lane: the first begins, the others wait behind it
    await until(() => begun.length === 1);
    const stopped = first.stop();
    const second = counting();
    await start([second.sub]);
    finish?.();
    await stopped;
    await until(() => second.seen.length === 4);
    expect(begun).toEqual([0]);
    expect(second.seen).toEqual([1, 2, 3, 4]);
  });
});

it('queues and exchanges that were deleted while all are connected come back, and what was in the outbox arrives', async () => {
  const { topology } = await start([recording(consumer.database)]);
  await announceAll(range(10));
  await until(async () => (await effects()).length === 10);
  const queues = (await broker.queues()).filter((name) => name.startsWith(topology.exchange));
  await onChannel(async (channel) => {
    for (const queue of queues) await channel.deleteQueue(queue);
    for (const exchange of [topology.exchange, topology.retryExchange, topology.deadExchange]) await channel.deleteExchange(exchange);
  });
  await announceAll(range(10, 10));
  await until(async () => (await effects()).length === 20);
  expect(sorted(await effects())).toEqual(range(20));
  await until(async () => (await broker.queues()).length === queues.length);
});

describe('what the in-process form left', () => {
  it('to be tried again is tried again, and its dead letters can be replayed', async () => {
    const refusing = [1, 2].map((n) => subscription(`try${n}`, () => Promise.reject(new RangeError('no'))));
    const before = new LocalEvents(databases(), refusing, { ...fast, firstDelayMs: 3_600_000, maxAttempts: 2 });
    before.start();
    await announce(7);
    await until(isEmpty);
    await before.stop();
    await consumer.admin(`UPDATE redeliveries SET state = 'dead', attempts = 2 WHERE subscription = 'consumer.try2'`);
    const seen: [string, number, number][] = [];
    const { topology } = await start(
      [1, 2].map((n) =>
        subscription(`try${n}`, ({ subscription: by, data, attempt }) => Promise.resolve(seen.push([by, data.n, attempt]))),
      ),
    );
    await until(() => seen.length === 1);
    expect(seen).toEqual([['consumer.try1', 7, 2]]);
    const box = await letters(topology);
    await until(async () => (await box.list()).length === 1);
    expect(await box.list()).toMatchObject([{ subscription: 'consumer.try2', attempts: 2, error: 'RangeError' }]);
    expect(await new DeadLetters(consumer.database).list()).toEqual([]);
    expect(await consumer.database.query(sql`SELECT subscription FROM redeliveries`)).toEqual([]);
    await box.replay('all');
    await until(() => seen.length === 2);
    expect(seen[1]).toEqual(['consumer.try2', 7, 1]);
  });
});
