import { randomUUID } from 'node:crypto';
import type { QueryRunner } from 'typeorm';
import { PlatformTables1790000000000, serverUrl, withClient } from '../../../../test/support/database';
import { StartupError } from '../config/startup-error';
import { prepareDatabase, type DatabasePlan } from './migrate';

/** Would fail if it ran twice, and takes long enough to meet others on the way. */
class CreateThings1790000000001 {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE things (id int); INSERT INTO things VALUES (1)');
    await runner.query('SELECT pg_sleep(0.2)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE things');
  }
}

const suffix = randomUUID().replaceAll('-', '').slice(0, 12);
const schema = `banyan_s${suffix}`;
const names = ['a', 'b', 'legacy'].map((name) => `migrate_${suffix}_${name}`);
const [first, second, legacy] = names as [string, string, string];
const plan = (database: string, more: Partial<DatabasePlan> = {}): DatabasePlan => ({
  url: serverUrl(),
  database,
  schema,
  role: schema,
  histories: { side: [PlatformTables1790000000000], tables: [CreateThings1790000000001] },
  ...more,
});
const inDatabase = async <Row>(name: string, text: string): Promise<Row[]> => {
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return withClient(url.href, async (client) => (await client.query(text)).rows as Row[]);
};

afterAll(() =>
  withClient(serverUrl(), async (client) => {
    for (const name of names) await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.query(`DROP ROLE IF EXISTS ${schema}; DROP ROLE IF EXISTS ${schema}_user; DROP ROLE IF EXISTS ${schema}_stranger`);
  }),
);

it('creates database, role, schema and tables once, however many start at once', async () => {
  await Promise.all([...Array(6).fill(first), ...Array(6).fill(second)].map((name: string) => prepareDatabase(plan(name))));
  await prepareDatabase(plan(first));
  for (const name of [first, second]) {
    expect(await inDatabase(name, `SELECT id FROM ${schema}.things`)).toEqual([{ id: 1 }]);
    const histories = await inDatabase(
      name,
      `SELECT name FROM ${schema}.migrations_side UNION ALL SELECT name FROM ${schema}.migrations_tables`,
    );
    expect(histories).toEqual([{ name: 'PlatformTables1790000000000' }, { name: 'CreateThings1790000000001' }]);
  }
  const owners = await inDatabase(first, `SELECT DISTINCT tableowner AS owner FROM pg_tables WHERE schemaname = '${schema}'`);
  expect(owners).toEqual([{ owner: schema }]);
  expect(await inDatabase(first, `SELECT rolcanlogin FROM pg_roles WHERE rolname = '${schema}'`)).toEqual([{ rolcanlogin: false }]);
});

it('makes only the side tables where the others are views', async () => {
  await withClient(serverUrl(), (client) => client.query(`CREATE DATABASE ${legacy}`));
  await prepareDatabase(plan(legacy, { histories: { side: [PlatformTables1790000000000] } }));
  const tables = await inDatabase<{ name: string }>(
    legacy,
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = '${schema}' ORDER BY 1`,
  );
  expect(tables.map(({ name }) => name)).toEqual([
    'inbox',
    'leases',
    'migrations_side',
    'outbox',
    'published',
    'redeliveries',
    'request_keys',
  ]);
});

it('leaves a schema to its owner if the role may create in it', async () => {
  await inDatabase(first, `CREATE SCHEMA ${schema}_lent; GRANT USAGE, CREATE ON SCHEMA ${schema}_lent TO ${schema}`);
  await prepareDatabase(plan(first, { schema: `${schema}_lent`, histories: { side: [PlatformTables1790000000000] } }));
  expect(await inDatabase(first, `SELECT nspowner::regrole::text AS owner FROM pg_namespace WHERE nspname = '${schema}_lent'`)).not.toEqual(
    [{ owner: schema }],
  );
  expect(
    await inDatabase(first, `SELECT tableowner AS owner FROM pg_tables WHERE schemaname = '${schema}_lent' AND tablename = 'outbox'`),
  ).toEqual([{ owner: schema }]);
});

it('goes on where a killed process stopped', async () => {
  class Interrupted1790000000002 {
    async up(runner: QueryRunner): Promise<void> {
      await runner.query('CREATE TABLE half (id int)');
      await runner.query(`SELECT pg_sleep(CASE WHEN current_setting('application_name') = 'banyan migrate' THEN 30 END)`);
    }
    async down(): Promise<void> {}
  }
  class Repaired1790000000002 {
    readonly name = 'Interrupted1790000000002';
    async up(runner: QueryRunner): Promise<void> {
      await runner.query('CREATE TABLE half (id int)');
    }
    async down(): Promise<void> {}
  }
  const stopped = prepareDatabase(plan(first, { histories: { side: [PlatformTables1790000000000, Interrupted1790000000002] } }));
  const failed = expect(stopped).rejects.toBeInstanceOf(StartupError);
  const waiting = `SELECT pid FROM pg_stat_activity WHERE datname = '${first}' AND query LIKE 'SELECT pg_sleep(CASE%'`;
  while ((await inDatabase(first, waiting)).length === 0);
  const next = prepareDatabase(plan(first, { histories: { side: [PlatformTables1790000000000, Repaired1790000000002] } }));
  await inDatabase(first, `SELECT pg_terminate_backend(pid) FROM (${waiting}) AS them`);
  await failed;
  await next;
  expect(await inDatabase(first, `SELECT * FROM ${schema}.half`)).toEqual([]);
});

it('works for an owner who is no superuser', async () => {
  const user = `${schema}_user`;
  await withClient(serverUrl(), (client) => client.query(`CREATE ROLE ${user} LOGIN CREATEROLE CREATEDB PASSWORD 'p'`));
  const url = new URL(serverUrl());
  [url.username, url.password] = [user, 'p'];
  const database = `${legacy}_owned`;
  names.push(database);
  await prepareDatabase(plan(database, { url: url.href, schema: `${schema}_o`, role: `${schema}_o` }));
  expect(await inDatabase(database, `SELECT id FROM ${schema}_o.things`)).toEqual([{ id: 1 }]);
  await inDatabase(database, `DROP OWNED BY ${schema}_o; DROP ROLE ${schema}_o`);
});

describe('says in one sentence', () => {
  const sentence = async (more: Partial<DatabasePlan>) => {
    const error = await prepareDatabase(plan(first, more)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(StartupError);
    return (error as StartupError).message;
  };
  const changed = (change: (url: URL) => void) => {
    const url = new URL(serverUrl());
    change(url);
    return url.href;
  };

  it('that nobody answers', async () => {
    expect(await sentence({ url: 'postgres://u:secret@127.0.0.1:1/x' })).toBe(
      'PostgreSQL at 127.0.0.1:1 does not answer (ECONNREFUSED): start it, or correct the database URL.',
    );
  });

  it('that the user may not', async () => {
    const user = `${schema}_stranger`;
    await withClient(serverUrl(), (client) => client.query(`CREATE ROLE ${user} LOGIN PASSWORD 'secret'`));
    const url = changed((u) => ([u.username, u.password] = [user, 'secret']));
    const denied = [await sentence({ url, schema: 'banyan_x', role: `${schema}_x` }), await sentence({ url, database: `${first}_y` })];
    for (const message of denied)
      expect(message).toMatch(
        new RegExp(`denies the user "${user}" a right it needs in ".*": permission denied to create (role|database)\\.$`),
      );
    expect(denied.join()).not.toContain('secret');
  });

  it('that the user is unknown', async () => {
    expect(await sentence({ url: changed((u) => (u.username = 'nobody_here')) })).toContain('refuses the user "nobody_here"');
  });
});
