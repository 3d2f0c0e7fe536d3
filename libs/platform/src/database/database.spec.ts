import { createTestDatabase, type TestDatabase } from '../../../../test/support/database';
import { startTcpProxy } from '../../../../test/support/tcp-proxy';
import { Database, type Transaction } from './database';
import { DatabaseUnavailable, isDataError, sqlState } from './errors';
import { sql } from './sql';

let test: TestDatabase;
let database: Database;

beforeAll(async () => {
  test = await createTestDatabase({
    side: [],
    setup: [
      'CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)',
      'CREATE TABLE child (id int REFERENCES t DEFERRABLE INITIALLY DEFERRED)',
    ],
  });
  database = test.database;
});
afterAll(() => test.drop());
beforeEach(() => test.admin('TRUNCATE t CASCADE; INSERT INTO t (id) VALUES (1), (2)'));

const backend = async (tx: Transaction) => (await tx.query<{ pid: number }>(sql`SELECT pg_backend_pid() AS pid`))[0]?.pid ?? 0;
const terminate = (pid: number) => test.admin('SELECT pg_terminate_backend($1, 5000)', [pid]);
const counts = async () => (await test.admin<{ n: number }>('SELECT n FROM t ORDER BY id')).map((row) => row.n);

describe('a transaction', () => {
  it('commits all of its work or nothing', async () => {
    const effects: string[] = [];
    await database.transaction(async (tx) => {
      tx.onCommit(() => effects.push('committed'));
      await Promise.all([tx.query(sql`UPDATE t SET n = n + 1 WHERE id = 1`), tx.query(sql`UPDATE t SET n = n + 1 WHERE id = 2`)]);
      expect(effects).toEqual([]);
    });
    const failed = database.transaction(async (tx) => {
      tx.onCommit(() => effects.push('never'));
      await tx.query(sql`UPDATE t SET n = 99`);
      throw new Error('changed my mind');
    });
    await expect(failed).rejects.toThrow('changed my mind');
    expect(await counts()).toEqual([1, 1]);
    expect(effects).toEqual(['committed']);
  });

  it('does not pretend to commit after a statement failed unnoticed', async () => {
    const swallowing = database.transaction(async (tx) => {
      await tx.query(sql`UPDATE t SET n = 5`);
      await tx.query(sql`INSERT INTO t (id) VALUES (1)`).catch(() => undefined);
      return 'fine';
    });
    await expect(swallowing).rejects.toMatchObject({ code: '23505' });
    expect(await counts()).toEqual([0, 0]);
  });

  it('passes on what is wrong with the data, also when only the commit finds it', async () => {
    const causes = [
      () => database.query(sql`SELECT ${'x'}::uuid`),
      () => database.query(sql`SELECT ${'a\0b'}::text`),
      () => database.transaction((tx) => tx.query(sql`INSERT INTO t (id) VALUES (1)`)),
      () => database.transaction((tx) => tx.query(sql`INSERT INTO child VALUES (77)`)),
    ];
    const errors = await Promise.all(
      causes.map((cause) =>
        cause().then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    );
    expect(errors.map(sqlState)).toEqual(['22P02', '22021', '23505', '23503']);
    expect(errors.every(isDataError)).toBe(true);
    expect(isDataError(await database.query(sql`SELECT nothing`).catch((error: unknown) => error))).toBe(false);
  });

  it('is refused to a query that was not awaited', async () => {
    let kept: Transaction | undefined;
    await database.transaction(async (tx) => void (kept = tx));
    await expect(kept?.query(sql`SELECT 1`)).rejects.toThrow('has ended');
  });
});

describe('conflicts', () => {
  it('repeats the whole work after a deadlock', async () => {
    let runs = 0;
    let waiting: (() => void) | undefined;
    const bothHoldOne = new Promise<void>((resolve) => (waiting = resolve));
    let holding = 0;
    const transfer = (first: number, second: number) =>
      database.transaction(async (tx) => {
        runs++;
        await tx.query(sql`UPDATE t SET n = n + 1 WHERE id = ${first}`);
        if (++holding === 2) waiting?.();
        await bothHoldOne;
        await tx.query(sql`UPDATE t SET n = n + 1 WHERE id = ${second}`);
      });
    await Promise.all([transfer(1, 2), transfer(2, 1)]);
    expect(runs).toBe(3);
    expect(await counts()).toEqual([2, 2]);
  });

  it('repeats after 40001, in a statement and in a transaction, and gives up in the end', async () => {
    await test.admin(`
      CREATE SEQUENCE tries; GRANT ALL ON tries TO banyan_test;
      CREATE FUNCTION conflict_until(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('tries') < n THEN RAISE EXCEPTION 'row changed' USING ERRCODE = '40001'; END IF; RETURN 1; END $$`);
    const restart = () => test.admin('ALTER SEQUENCE tries RESTART');
    expect(await database.query(sql`SELECT conflict_until(3) AS ok`)).toEqual([{ ok: 1 }]);
    await restart();
    let runs = 0;
    await database.transaction((tx) => {
      runs++;
      return tx.query(sql`SELECT conflict_until(3)`);
    });
    expect(runs).toBe(3);
    await restart();
    // The work may turn the error into its own; the conflict decides all the same.
    const disguised = database.transaction(async (tx) => {
      await tx.query(sql`SELECT conflict_until(1000)`).catch(() => {
        throw new Error('disguised');
      });
    });
    await expect(disguised).rejects.toMatchObject({ name: 'DatabaseUnavailable', executed: 'no' });
    expect(await test.admin('SELECT last_value::int AS n FROM tries')).toEqual([{ n: 6 }]);
  });
});

describe('a lost connection', () => {
  it('before the commit changes nothing, and the work is done on another one', async () => {
    const pids: number[] = [];
    await database.transaction(async (tx) => {
      pids.push(await backend(tx));
      await tx.query(sql`UPDATE t SET n = n + 1 WHERE id = 1`);
      if (pids.length === 1) await terminate(pids[0] ?? 0);
      await tx.query(sql`UPDATE t SET n = n + 1 WHERE id = 2`);
    });
    expect(pids).toHaveLength(2);
    expect(await counts()).toEqual([1, 1]);
  });

  it('during the commit or a statement of its own leaves it open', async () => {
    await test.admin(`
      CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
      CREATE CONSTRAINT TRIGGER die_at_commit AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.n = 13) EXECUTE FUNCTION die()`);
    await expect(database.transaction((tx) => tx.query(sql`UPDATE t SET n = 13`))).rejects.toMatchObject({ executed: 'maybe' });
    await expect(database.query(sql`UPDATE t SET n = 13`)).rejects.toMatchObject({ executed: 'maybe' });
    expect(await counts()).toEqual([0, 0]);
  });

  it('does not end the process, also when idle, and the server is used again when it is back', async () => {
    const proxy = await startTcpProxy(test.url);
    const { database: distant } = await test.connect({ via: proxy.through });
    const read = () => distant.query(sql`SELECT n FROM t WHERE id = 1`);
    await Promise.all([read(), read(), read()]);
    await proxy.stop();
    await expect(read()).rejects.toBeInstanceOf(DatabaseUnavailable);
    const work = jest.fn(() => Promise.resolve());
    await expect(distant.transaction(work)).rejects.toMatchObject({ executed: 'no' });
    expect(work).not.toHaveBeenCalled();
    await proxy.start();
    expect(await read()).toEqual([{ n: 0 }]);
    await proxy.close();
  });

  it('tells the caller nothing of what the driver said', async () => {
    const error = await database.transaction((tx) => tx.query(sql`SELECT 1`), { deadline: 0 }).catch((e: unknown) => e);
    expect(error).toMatchObject({
      message: 'The database is unavailable; nothing was changed',
      executed: 'no',
      code: 'database_unavailable',
    });
  });
});

describe('a deadline', () => {
  const soon = () => ({ deadline: Date.now() + 1_000 });

  it('bounds waiting for a connection', async () => {
    const { database: small } = await test.connect({ poolSize: 1 });
    await small.transaction(async () => {
      await expect(small.query(sql`SELECT 1`, soon())).rejects.toMatchObject({ executed: 'no' });
      const asked = new Database(() => test.dataSource, { deadlineOf: () => Date.now() - 1 });
      await expect(asked.query(sql`SELECT 1`)).rejects.toMatchObject({ executed: 'no' });
    });
    expect(await small.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
  });

  it('bounds a frozen server, whose connection is not used again', async () => {
    const { database: small } = await test.connect({ poolSize: 1 });
    const pid = await small.transaction(backend);
    process.kill(pid, 'SIGSTOP');
    try {
      await expect(small.query(sql`UPDATE t SET n = 1`, soon())).rejects.toMatchObject({ executed: 'maybe' });
      // Of one connection: had it been put back, this would hang.
      expect(await small.transaction(backend)).not.toBe(pid);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });

  it('bounds a server that freezes inside a transaction: nothing was changed, for the commit was not sent', async () => {
    const { database: small } = await test.connect({ poolSize: 1 });
    let frozen = 0;
    const work = small.transaction(async (tx) => {
      frozen = await backend(tx);
      await tx.query(sql`UPDATE t SET n = 7 WHERE id = 2`);
      process.kill(frozen, 'SIGSTOP');
      await tx.query(sql`UPDATE t SET n = 7 WHERE id = 1`);
    }, soon());
    await expect(work).rejects.toMatchObject({ executed: 'no' });
    process.kill(frozen, 'SIGCONT');
    await terminate(frozen);
    expect(await counts()).toEqual([0, 0]);
  });

  it('is asked of the caller, and the server stops by itself after its own limit', async () => {
    const { database: strict } = await test.connect({ statementTimeoutMs: 1_000 });
    await expect(strict.query(sql`SELECT pg_sleep(20)`)).rejects.toMatchObject({ executed: 'no' });
    const { database: hurried } = await test.connect({ deadlineOf: () => Date.now() + 1_000 });
    await expect(hurried.query(sql`SELECT pg_sleep(20)`)).rejects.toMatchObject({ executed: 'maybe' });
  });
});

it('goes on when a migration has changed a table under a prepared statement', async () => {
  const { database: small, dataSource } = await test.connect({ poolSize: 1 });
  await dataSource.query('CREATE TABLE moved (n int)');
  await dataSource.query('INSERT INTO moved VALUES (1)');
  const read = () => small.query(sql`SELECT n FROM moved`);
  expect(await read()).toEqual([{ n: 1 }]);
  await test.admin('ALTER TABLE moved ALTER COLUMN n TYPE text');
  expect(await read()).toEqual([{ n: '1' }]);
  await test.admin('ALTER TABLE moved ALTER COLUMN n TYPE int USING n::int');
  expect(await small.transaction((tx) => tx.query(sql`SELECT n FROM moved`))).toEqual([{ n: 1 }]);
});
