import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { z } from 'zod';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database';
import { startTcpProxy, type TcpProxy } from '../../../../test/support/tcp-proxy';
import { event } from '../contract/event';
import type { Database } from '../database/database';
import { sql } from '../database/sql';
import { DeadLetters } from './dead-letters';
import { Inbox } from './inbox';
import { LocalEvents, type LocalEventsOptions } from './local-events';
import { Outbox } from './outbox';
import { Publisher } from './publisher';
import type { Delivered, StoredEvent, Transport } from './stored-event';
import type { Subscription } from './subscriptions';

const happened = event('thing.happened', z.object({ n: z.number() }));
/** A lease that no stall of the machine can cost: where one is to be lost, the test says so. */
const fast = { tickMs: 20, leaseMs: 600_000, firstDelayMs: 5 } satisfies LocalEventsOptions;

let producer: TestDatabase;
let consumer: TestDatabase;
let proxy: TcpProxy;
let outbox: Outbox;
const running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  const setup = ['CREATE TABLE effects (subscription text, n int, at int GENERATED ALWAYS AS IDENTITY)'];
  [producer, consumer] = await Promise.all([
    createTestDatabase({ schema: 'banyan_producer', setup }),
    createTestDatabase({ schema: 'banyan_consumer', setup }),
  ]);
  proxy = await startTcpProxy(producer.url);
  outbox = new Outbox(producer.database, { traceOf: () => 'a-trace' });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((part) => part.stop()));
  const tables = 'outbox, leases, inbox, redeliveries, effects RESTART IDENTITY';
  await Promise.all([producer.admin(`TRUNCATE ${tables}`), consumer.admin(`TRUNCATE ${tables}`)]);
});
afterAll(async () => {
  await proxy.close();
  await Promise.all([producer.drop(), consumer.drop()]);
});

const start = <T extends { start(): void; stop(): Promise<void> }>(part: T): T => {
  part.start();
  running.push(part);
  return part;
};
const databases = (consumerDatabase: Database = consumer.database) =>
  new Map([
    ['producer', producer.database],
    ['consumer', consumerDatabase],
  ]);
const announce = (n: number, key?: string) => producer.database.transaction((tx) => outbox.add(tx, happened, { n }, { key }));
const announceAll = (ns: number[], key?: string) =>
  producer.database.transaction((tx) =>
    outbox.addAll(
      tx,
      ns.map((n) => outbox.draft(happened, { n }, { key })),
    ),
  );
/** Returns when it is so; a test that waits in vain is ended by the runner. */
const until = async (isSo: () => boolean | Promise<boolean>) => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
};
const isEmpty = async () => (await outbox.pending()) === 0;
const effects = async (of = consumer) => (await of.admin<{ n: number }>('SELECT n FROM effects ORDER BY at')).map(({ n }) => n);
const range = (count: number) => Array.from({ length: count }, (_, n) => n);

type Handler = (delivered: Delivered<typeof happened>) => Promise<unknown>;
const subscription = (name: string, handle: Handler, domain: string | undefined = 'consumer'): Subscription => ({
  name: `${domain ?? 'Loose'}.${name}`,
  domain,
  event: happened,
  handle: handle as Subscription['handle'],
});
/** Its effect is once per event, in the consumer's database. */
const recording = (name = 'record', database = consumer.database) =>
  subscription(name, (delivered) =>
    new Inbox(database).once(delivered, (tx) =>
      tx.query(sql`INSERT INTO effects (subscription, n) VALUES (${delivered.subscription}, ${delivered.data.n})`),
    ),
  );

/** A transport that records what it is given, and can be held. */
class Recorder implements Transport {
  readonly given: number[] = [];
  hold: Promise<void> = Promise.resolve();
  async deliver(batch: readonly StoredEvent[]): Promise<readonly StoredEvent[]> {
    this.given.push(...batch.map((stored) => (stored.data as { n: number }).n));
    await this.hold;
    return batch;
  }
}

describe('an announcement', () => {
  it('happens with its change or not at all, and reaches each subscriber whole', async () => {
    const seen: Delivered<typeof happened>[] = [];
    start(new LocalEvents(databases(), [subscription('see', (delivered) => Promise.resolve(seen.push(delivered)))], fast));
    const undone = producer.database.transaction(async (tx) => {
      await outbox.add(tx, happened, { n: 1 });
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await announce(2, 'k');
    await until(isEmpty);
    expect(seen).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/) as string,
        name: 'thing.happened',
        key: 'k',
        data: { n: 2 },
        trace: 'a-trace',
        occurred_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string,
        subscription: 'consumer.see',
        attempt: 1,
        position: expect.any(Number) as number,
      },
    ]);
  });

  it('is checked against its contract', async () => {
    const wrong = producer.database.transaction((tx) => outbox.add(tx, happened, { n: 'x' } as unknown as { n: number }));
    await expect(wrong).rejects.toBeInstanceOf(z.ZodError);
  });

  it('of nobody’s interest leaves the outbox, which knows how long and how many wait', async () => {
    await announceAll([1, 2]);
    expect(await outbox.pending()).toBe(2);
    expect(await outbox.oldestAgeMs()).toBeGreaterThanOrEqual(0);
    start(new LocalEvents(databases(), [], fast));
    await until(isEmpty);
    expect(await outbox.oldestAgeMs()).toBe(0);
  });
});

describe('the publisher', () => {
  it('publishes what a process committed before it died', async () => {
    await announceAll(range(1_200));
    start(new LocalEvents(databases(), [recording()], fast));
    await until(isEmpty);
    expect((await effects()).sort((a, b) => a - b)).toEqual(range(1_200));
  });

  it('keeps the order of a key, and works one at a time in a schema', async () => {
    const recorders = [new Recorder(), new Recorder(), new Recorder()];
    for (const recorder of recorders) start(new Publisher(producer.database, outbox, recorder, fast));
    for (const n of range(200)) await announce(n, 'same');
    await until(isEmpty);
    expect(recorders.flatMap(({ given }) => given)).toEqual(range(200));
    const order: number[] = [];
    running.push(start(new LocalEvents(databases(), [subscription('see', async ({ data }) => void order.push(data.n))], fast)));
    await Promise.all(running.splice(0, 3).map((part) => part.stop()));
    await announceAll(range(300), 'same');
    await until(isEmpty);
    expect(order).toEqual(range(300));
  });

  it('that crashed between handing over and removing does so again, without a second effect', async () => {
    await announceAll(range(20));
    const crashing = recording();
    const first = new Publisher(producer.database, outbox, {
      deliver: async (batch) => {
        for (const stored of batch)
          await crashing.handle({ ...stored, data: stored.data as { n: number }, subscription: crashing.name, attempt: 1 });
        throw new Error('crash');
      },
    });
    Logger.overrideLogger(false);
    start(first);
    await until(async () => (await effects()).length === 20);
    await first.stop();
    Logger.overrideLogger(true);
    expect(await outbox.pending()).toBe(20);
    start(new LocalEvents(databases(), [recording()], fast));
    await until(isEmpty);
    expect((await effects()).sort((a, b) => a - b)).toEqual(range(20));
  });

  it('that was frozen while it held the lease does no harm when it thaws', async () => {
    const { database: distant } = await producer.connect({ via: proxy.through });
    const frozen = new Recorder();
    let thaw: (() => void) | undefined;
    frozen.hold = new Promise((resolve) => (thaw = resolve));
    const old = start(new Publisher(distant, outbox, frozen, { ...fast, leaseMs: 300 }));
    await announceAll([1, 2, 3]);
    await until(() => frozen.given.length === 3);
    proxy.freeze();
    const successor = new Recorder();
    start(new Publisher(producer.database, outbox, successor, fast));
    await until(() => successor.given.length === 3);
    await until(isEmpty);
    proxy.thaw();
    thaw?.();
    await announceAll([4, 5]);
    await until(isEmpty);
    await old.stop();
    expect(frozen.given).toEqual([1, 2, 3]);
    expect(successor.given).toEqual([1, 2, 3, 4, 5]);
  });

  it('whose epoch is over removes nothing, even what it handed over', async () => {
    const recorder = new Recorder();
    let go: (() => void) | undefined;
    recorder.hold = new Promise((resolve) => (go = resolve));
    const publisher = new Publisher(producer.database, outbox, recorder, { ...fast, tickMs: 60_000 });
    await announceAll([1]);
    start(publisher);
    await until(() => recorder.given.length === 1);
    await producer.admin(`UPDATE leases SET owner = $1, epoch = epoch + 1, until = now() + interval '1 hour' WHERE job = 'outbox'`, [
      randomUUID(),
    ]);
    go?.();
    await publisher.stop();
    expect(await outbox.pending()).toBe(1);
  });

  it('recovers by itself when the database was away', async () => {
    const { database: distant } = await producer.connect({ via: proxy.through });
    const recorder = new Recorder();
    start(new Publisher(distant, new Outbox(distant), recorder, fast));
    await announce(1);
    await until(() => recorder.given.length === 1);
    await proxy.stop();
    await announce(2);
    await proxy.start();
    // The first one may come once more: its removal was under way.
    await until(() => recorder.given.includes(2));
    await until(isEmpty);
  });
});

describe('a handler', () => {
  it('that fails is tried again later, and holds up neither other events nor other subscribers', async () => {
    const attempts: number[] = [];
    const failing = subscription('fail', async ({ data, attempt }) => {
      if (data.n !== 1) return;
      attempts.push(attempt);
      if (attempt < 4) throw new Error('secret text');
    });
    const others: number[] = [];
    const other = subscription('see', async ({ data }) => void others.push(data.n));
    start(new LocalEvents(databases(), [failing, other], fast));
    await announceAll([1, 2, 3], 'same');
    await until(isEmpty);
    expect(others).toEqual([1, 2, 3]);
    await until(async () => attempts.length === 4 && (await consumer.admin('SELECT FROM redeliveries')).length === 0);
    expect(attempts).toEqual([1, 2, 3, 4]);
  });

  it('is called when its condition says so, or fails', async () => {
    const seen: number[] = [];
    const isOdd = ({ data }: { data: unknown }) => {
      const { n } = data as { n: number };
      if (n === 2) throw new Error('who knows');
      return n % 2 === 1;
    };
    start(new LocalEvents(databases(), [{ ...subscription('see', async ({ data }) => void seen.push(data.n)), isNeeded: isOdd }], fast));
    await announceAll([0, 1, 2, 3, 4], 'same');
    await until(isEmpty);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('that keeps failing leaves a dead letter, which can be replayed', async () => {
    let isBroken = true;
    const seen: number[] = [];
    const stubborn = subscription('try', async ({ data }) => {
      if (isBroken) throw new TypeError('contents of a message');
      seen.push(data.n);
    });
    start(new LocalEvents(databases(), [stubborn], { ...fast, maxAttempts: 3 }));
    const letters = new DeadLetters(consumer.database);
    await announceAll([1, 2]);
    await until(async () => (await letters.list()).length === 2);
    const [first] = await letters.list();
    expect(first).toMatchObject({ subscription: 'consumer.try', event_name: 'thing.happened', attempts: 3, error: 'TypeError' });
    expect(JSON.stringify(await consumer.admin('SELECT * FROM redeliveries'))).not.toContain('contents');
    isBroken = false;
    expect(await letters.replay(first?.event_id ?? '')).toBe(1);
    await until(() => seen.length === 1);
    expect(await letters.replay('all')).toBe(1);
    await until(() => seen.length === 2);
    expect(await letters.list()).toEqual([]);
    expect(await letters.replay('all')).toBe(0);
  });

  it('gets even a text that PostgreSQL cannot hold as it was written, also as a dead letter', async () => {
    const named = event('thing.happened', z.object({ n: z.number(), name: z.string() }));
    const name = 'a\0b\ud800c';
    const seen: unknown[] = [];
    const choosy = subscription('choose', async ({ data }) => {
      seen.push(data);
      throw new Error('no');
    });
    start(new LocalEvents(databases(), [choosy], { ...fast, maxAttempts: 1 }));
    await producer.database.transaction((tx) => outbox.add(tx, named, { n: 1, name }));
    await until(isEmpty);
    expect(seen).toEqual([{ n: 1, name }]);
    expect(await new DeadLetters(consumer.database).list()).toMatchObject([{ event_name: 'thing.happened', attempts: 1 }]);
  });

  it('goes on with its retries after a restart', async () => {
    const failing = subscription('later', () => Promise.reject(new Error('not yet')));
    const first = start(new LocalEvents(databases(), [failing], { ...fast, firstDelayMs: 50 }));
    await announce(1);
    await until(isEmpty);
    await first.stop();
    const seen: number[] = [];
    start(new LocalEvents(databases(), [subscription('later', async ({ attempt }) => void seen.push(attempt))], fast));
    await until(() => seen.length === 1);
    expect(seen[0]).toBeGreaterThan(1);
  });

  it('that hangs counts as failed', async () => {
    let calls = 0;
    const hanging = subscription('hang', () => (++calls === 1 ? new Promise(() => undefined) : Promise.resolve()));
    start(new LocalEvents(databases(), [hanging], { ...fast, handlerTimeoutMs: 20 }));
    await announce(1);
    await until(() => calls === 2);
  });

  it('of a domain without a database fails into the producer’s', async () => {
    let calls = 0;
    const loose = subscription('push', () => (++calls === 1 ? Promise.reject(new Error('once')) : Promise.resolve()), undefined);
    start(new LocalEvents(databases(), [{ ...loose, domain: undefined }], fast));
    await announce(1);
    await until(() => calls === 2);
  });

  it('whose database is away finds its events when it is back, while others go on in order', async () => {
    const away = await startTcpProxy(consumer.url);
    const { database: distant } = await consumer.connect({ via: away.through });
    const others: number[] = [];
    const other = subscription('see', async ({ data }) => void others.push(data.n), undefined);
    start(new LocalEvents(databases(distant), [recording('record', distant), other], fast));
    await announce(0, 'same');
    await until(isEmpty);
    await away.stop();
    for (const n of range(10)) await announce(n + 1, 'same');
    await until(() => others.length === 11);
    expect(await outbox.pending()).toBe(10);
    await away.start();
    await until(isEmpty);
    // One that failed just before the database was back is recorded there and comes after the others.
    await until(async () => (await effects()).length === 11);
    expect((await effects()).sort((a, b) => a - b)).toEqual(range(11));
    expect(others).toEqual(range(11));
    await running[0]?.stop();
    await away.close();
  });
});

it('an inbox lets an event through once, however many bring it at once', async () => {
  const inbox = new Inbox(consumer.database);
  const delivered = { id: randomUUID(), subscription: 'consumer.record' };
  const bring = () => inbox.once(delivered, (tx) => tx.query<{ n: number }>(sql`INSERT INTO effects (n) VALUES (1) RETURNING n`));
  const results = await Promise.all(range(20).map(bring));
  expect(results.filter((result) => result !== undefined)).toEqual([[{ n: 1 }]]);
  expect(await effects()).toEqual([1]);
  await consumer.admin(`UPDATE inbox SET received_at = now() - interval '15 days'`);
  expect(await inbox.sweep()).toBe(1);
});
