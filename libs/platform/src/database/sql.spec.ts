import { createTestDatabase, type TestDatabase } from '../../../../test/support/database';
import { sql } from './sql';

describe('sql', () => {
  it('makes parameters of values and one name of a text', () => {
    const find = (id: number, names: string[]) => sql`SELECT ${id} FROM t WHERE n = ANY(${names})`;
    const [one, other] = [find(1, ['a']), find(2, [])];
    expect(one).toEqual({ name: other.name, text: 'SELECT $1 FROM t WHERE n = ANY($2)', values: [1, ['a']] });
    expect(other.values).toEqual([2, []]);
    expect(one.name.length).toBeLessThanOrEqual(63);
    expect(sql`SELECT 1`.name).toBe(sql`SELECT 1`.name);
    expect(sql`SELECT 1`.name).not.toBe(sql`SELECT 2`.name);
  });
});

describe('values', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase({ side: [], poolSize: 1 });
  });
  afterAll(() => test.drop());

  it('are prepared on the server once per connection', async () => {
    const answer = async (n: number) => (await test.database.query<{ n: number }>(sql`SELECT ${n}::int AS n`))[0]?.n;
    expect([await answer(1), await answer(2), await answer(3)]).toEqual([1, 2, 3]);
    const rows = await test.database.query<{ calls: number }>(sql`
      SELECT generic_plans + custom_plans AS calls FROM pg_prepared_statements WHERE statement = 'SELECT $1::int AS n'`);
    expect(rows).toEqual([{ calls: 3 }]);
  });

  it('keep microseconds, exact integers and JSON', async () => {
    const [row] = await test.database.query(sql`
      SELECT timestamptz '2026-01-30 14:57:45.421392+02' AS at, timestamp '2026-01-30 12:57:45' AS plain, timestamptz '2026-01-30 12:57:45.1Z' AS short,
        ARRAY[timestamptz '2026-01-30 12:57:45Z', NULL] AS instants, timestamptz 'infinity' AS never, date '2026-01-30' AS day,
        9007199254740991::bigint AS safe, 9007199254740992::bigint AS huge, ARRAY[1, NULL]::bigint[] AS many, '{"a":[1,null]}'::json AS json, 1.10::numeric AS price`);
    expect(row).toEqual({
      at: '2026-01-30T12:57:45.421392Z',
      plain: '2026-01-30T12:57:45.000000Z',
      short: '2026-01-30T12:57:45.100000Z',
      instants: ['2026-01-30T12:57:45.000000Z', null],
      never: 'infinity',
      day: '2026-01-30',
      safe: Number.MAX_SAFE_INTEGER,
      huge: '9007199254740992',
      many: [1, null],
      json: { a: [1, null] },
      price: '1.10',
    });
  });

  it('go back as they came, at the same microsecond', async () => {
    const at = '2026-01-30T12:57:45.421392Z';
    expect(
      await test.database.query(sql`SELECT ${at}::timestamptz AS at, ${['a"b', '{}', '\\']}::text[] AS texts, ${null}::int AS none`),
    ).toEqual([{ at, texts: ['a"b', '{}', '\\'], none: null }]);
  });

  it('see the settings of the session from the first statement on', async () => {
    const [row] = await test.database.query(sql`
      SELECT current_user AS role, current_schema() AS schema, current_setting('TimeZone') AS zone, current_setting('statement_timeout') AS statement,
        current_setting('transaction_isolation') AS isolation, current_setting('application_name') AS program`);
    expect(row).toEqual({
      role: 'banyan_test',
      schema: 'banyan_test',
      zone: 'UTC',
      statement: '10s',
      isolation: 'read committed',
      program: 'banyan spec',
    });
  });
});
