import { z } from 'zod';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database';
import { event } from '../contract/event';
import { Database } from '../database/database';
import { DatabaseUnavailable } from '../database/errors';
import { sql } from '../database/sql';
import { Lease } from './lease';
import { Listener } from './listener';
import { Outbox } from './outbox';
import { Publisher } from './publisher';
import type { StoredEvent } from './stored-event';

const happened = event('thing.happened', z.object({ n: z.number() }));

let first: TestDatabase;
let second: TestDatabase;
/** Where the data is now; undefined while nobody knows. */
let home: TestDatabase | undefined;
let database: Database;

beforeAll(async () => {
  [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
});
beforeEach(() => {
  home = first;
  database = new Database(() => {
    if (!home) throw new DatabaseUnavailable('no');
    return home.dataSource;
  });
});
afterEach(() => Promise.all([first, second].map((each) => each.admin('TRUNCATE outbox, leases'))));
afterAll(() => Promise.all([first.drop(), second.drop()]));

const until = async (isSo: () => boolean | Promise<boolean>) => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe('when the data of a schema moves to another database', () => {
  it('every transaction that begins afterwards is there, one that had begun ends where it was', async () => {
    const where = async () => (await database.query<{ name: string }>(sql`SELECT current_database() AS name`))[0]!.name;
    expect(await where()).toBe(first.name);
    const names = await database.transaction(async (tx) => {
      const query = sql<{ name: string }>`SELECT current_database() AS name`;
      const before = await tx.query(query);
      home = second;
      return [...before, ...(await tx.query(query))].map(({ name }) => name);
    });
    expect(names).toEqual([first.name, first.name]);
    expect(await where()).toBe(second.name);
  });

  it('nothing is done anywhere while nobody knows where it is', async () => {
    home = undefined;
    expect(database.place).toBeUndefined();
    await expect(database.query(sql`SELECT 1`)).rejects.toMatchObject({ name: 'DatabaseUnavailable', executed: 'no' });
    const work = jest.fn();
    await expect(database.transaction(work)).rejects.toMatchObject({ executed: 'no' });
    expect(work).not.toHaveBeenCalled();
  });

  it('a lease that was held is held no more, though the number of another holder is the same', async () => {
    const lease = new Lease(database, 'job', 600_000);
    expect(await lease.take()).toBe(true);
    home = second;
    expect(lease.isHeld).toBe(false);
    const other = new Lease(second.database, 'job', 600_000);
    expect(await other.take()).toBe(true);
    expect(other.epoch).toBe(lease.epoch);
    await lease.release(); // must not end the other's
    const third = new Lease(second.database, 'job', 600_000);
    expect(await third.take()).toBe(false);
    expect(await lease.take()).toBe(false);
  });

  it('what is committed there is heard', async () => {
    let heard = 0;
    const listener = new Listener(database, () => heard++, { topic: 'outbox', retryMs: 10 });
    listener.start();
    await until(() => heard > 0);
    home = second;
    await until(async () => {
      const before = heard;
      await second.admin(`SELECT pg_notify('${second.schema}_outbox', '')`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return heard > before;
    });
    listener.stop();
  });

  it('its events are published from there, each once', async () => {
    const outbox = new Outbox(database);
    const seen: StoredEvent[] = [];
    const deliver = (batch: readonly StoredEvent[]) => {
      seen.push(...batch);
      return Promise.resolve(batch);
    };
    const publisher = new Publisher(database, outbox, { deliver }, { tickMs: 20, leaseMs: 600_000 });
    publisher.start();
    const announce = (n: number) => database.transaction((tx) => outbox.add(tx, happened, { n }));
    for (const n of [0, 1, 2]) await announce(n);
    await until(() => seen.length === 3);
    home = second;
    for (const n of [3, 4]) await announce(n);
    await until(() => seen.length === 5);
    expect(seen.map(({ data }) => (data as { n: number }).n)).toEqual([0, 1, 2, 3, 4]);
    await until(async () => (await outbox.pending()) === 0);
    await publisher.stop();
  });
});
