import { createTestDatabase, type TestDatabase } from '../../../../test/support/database';
import { startTcpProxy, type TcpProxy } from '../../../../test/support/tcp-proxy';
import { Coalescer } from './coalesce';
import type { Bounds, Database } from './database';
import { DatabaseUnavailable } from './errors';
import { sql } from './sql';

interface Thing {
  id: number;
  text: string;
}

let test: TestDatabase;
let proxy: TcpProxy;
beforeAll(async () => {
  test = await createTestDatabase({
    side: [],
    setup: ['CREATE TABLE things (id int PRIMARY KEY, text varchar(5) NOT NULL, at int GENERATED ALWAYS AS IDENTITY)'],
  });
  proxy = await startTcpProxy(test.url);
});
afterAll(async () => {
  await proxy.close();
  await test.drop();
});
beforeEach(() => test.admin('TRUNCATE things RESTART IDENTITY'));

const stored = async () => (await test.admin<Thing>('SELECT id, text FROM things ORDER BY at')).map(({ id }) => id);

/** Repeatable as the coalescer wants it: ids are the caller's, and a row that is already there is an answer too. */
function writer(database: Database, batches: number[][] = []) {
  return async (things: Thing[], bounds: Bounds): Promise<string[]> => {
    batches.push(things.map(({ id }) => id));
    const [ids, texts] = [things.map(({ id }) => id), things.map(({ text }) => text)];
    await database.query(
      sql`INSERT INTO things (id, text) SELECT * FROM unnest(${ids}::int[], ${texts}::text[]) ON CONFLICT DO NOTHING`,
      bounds,
    );
    return things.map(({ id }) => `stored ${id}`);
  };
}
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const thing = (id: number, text = 'x'): Thing => ({ id, text });

it('writes what waits together, in order, and answers each after the commit', async () => {
  const batches: number[][] = [];
  const coalescer = new Coalescer(writer(test.database, batches), { maxBatch: 4 });
  const answers = [1, 2, 3, 4, 5, 6].map(async (id) => {
    const answer = await coalescer.add(thing(id));
    expect(await stored()).toContain(id);
    return answer;
  });
  expect(await Promise.all(answers)).toEqual([1, 2, 3, 4, 5, 6].map((id) => `stored ${id}`));
  expect(batches).toEqual([
    [1, 2, 3, 4],
    [5, 6],
  ]);
  expect(await stored()).toEqual([1, 2, 3, 4, 5, 6]);
});

it('fails only the faulty one', async () => {
  const coalescer = new Coalescer(writer(test.database));
  const outcomes = await Promise.allSettled(
    [thing(1), thing(2), thing(3, 'too long'), thing(4), thing(5, 'a\0')].map((t) => coalescer.add(t)),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'rejected']);
  expect(outcomes[2]).toMatchObject({ reason: { code: '22001' } });
  expect(outcomes[4]).toMatchObject({ reason: { code: '22021' } });
  expect(await stored()).toEqual([1, 2, 4]);
});

it('writes again after a lost connection, once in effect', async () => {
  let losses = 2;
  const write = writer(test.database);
  const coalescer = new Coalescer<Thing, string>(async (things, bounds) => {
    const answers = await write(things, bounds);
    // Committed, but the answer did not arrive.
    if (losses-- > 0) throw new DatabaseUnavailable('maybe');
    return answers;
  });
  expect(await Promise.all([1, 2, 3].map((id) => coalescer.add(thing(id))))).toEqual(['stored 1', 'stored 2', 'stored 3']);
  expect(await stored()).toEqual([1, 2, 3]);
});

it('tells what is certain when the database stays away, and works when it is back', async () => {
  const { database } = await test.connect({ via: proxy.through });
  const coalescer = new Coalescer(writer(database));
  await coalescer.add(thing(1));
  await proxy.stop();
  const outcomes = await Promise.allSettled([2, 3].map((id) => coalescer.add(thing(id))));
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason instanceof DatabaseUnavailable)).toEqual([true, true]);
  await proxy.start();
  expect(await coalescer.add(thing(4))).toBe('stored 4');
});

it('answers each caller by its own deadline, and nobody else suffers', async () => {
  const { database } = await test.connect({ via: proxy.through });
  let deadline: number | undefined;
  const coalescer = new Coalescer(writer(database), { deadlineOf: () => deadline });
  await coalescer.add(thing(1));
  proxy.freeze();
  await nextTurn();
  deadline = Date.now() + 1_000;
  const sent = coalescer.add(thing(2));
  await nextTurn();
  deadline = Date.now() + 100;
  const waiting = coalescer.add(thing(3));
  await expect(waiting).rejects.toMatchObject({ executed: 'no' });
  await expect(sent).rejects.toMatchObject({ executed: 'maybe' });
  proxy.thaw();
  deadline = undefined;
  expect(await coalescer.add(thing(4))).toBe('stored 4');
});

it('refuses what it could not hold', async () => {
  const coalescer = new Coalescer(writer(test.database), { maxWaiting: 2 });
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map((id) => coalescer.add(thing(id))));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
  expect(outcomes[2]).toMatchObject({ reason: { executed: 'no' } });
});
