import { randomBytes } from 'node:crypto';
import { LegacyProcess } from '../legacy-app/legacy-process';
import { dropDatabases, freshEnvironment, TEST_SECRET } from '../support/banyan';
import { banyan } from '../support/cli';
import { withClient } from '../support/database';
import { decideHomes, makePrepared } from '../support/legacy-server';
import { type Person, register } from '../support/people';
import { createTestBroker, type TestBroker } from '../support/rabbitmq';
import { ServerProcess } from '../support/server-process';
import { until } from '../support/until';
import type { LegacyDatabase } from './legacy-database';

/** What must not happen is refused with the fact that is in the way, to a terminal and to a program alike, and nothing is moved. */

let database: LegacyDatabase;
let legacy: LegacyProcess;
/** The same monolith, with another secret. */
let stranger: LegacyProcess;
let broker: TestBroker;
let environment: Record<string, string>;
/** Of one deployment: the second was given the stranger's address. */
let host: ServerProcess;
let misled: ServerProcess;
let admin: Person;

beforeAll(async () => {
  database = await makePrepared('text');
  const settings = { databaseUrl: database.url, secret: TEST_SECRET };
  legacy = await LegacyProcess.start(settings);
  stranger = await LegacyProcess.start({ ...settings, secret: randomBytes(32).toString('hex') });
  broker = await createTestBroker();
  environment = {
    ...freshEnvironment({ redis: true }),
    LEGACY_URL: legacy.url,
    LEGACY_DATABASE_URL: database.url,
    AMQP_URL: broker.url,
    CARRIER_KEY: randomBytes(32).toString('hex'),
  };
  host = await ServerProcess.start(environment);
  misled = await ServerProcess.start({ ...environment, LEGACY_URL: stranger.url });
  admin = await register(host.url, 'admin');
  await withClient(database.url, (client) => client.query("UPDATE users SET role = 'admin' WHERE id = $1", [admin.id]));
  // Accounts have a home, so that an admin is known; messages have none yet.
  for (const set of ['identity', 'social']) expect(await banyan(environment, 'data', set, '--legacy')).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await host?.remove();
  await misled?.remove();
  await legacy?.remove();
  await stranger?.remove();
  await dropDatabases(environment);
  await broker?.drop();
  await database?.drop();
});

const byTerminal = (args: string[], settings: Record<string, string> = {}) =>
  banyan({ ...environment, ...settings }, 'route', ...args, '--yes');

async function byApi(url: string, domain: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${url}/api/v1/admin/routes/${domain}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'a test', ...body }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function shares(domain: string): Promise<Record<string, number>> {
  const { out } = await byTerminal([domain, '--json']);
  const { routes } = JSON.parse(out) as { routes: { homes: Record<string, { percent: number }> }[] };
  return Object.fromEntries(Object.entries(routes[0]!.homes).map(([home, { percent }]) => [home, percent]));
}

const allLegacy = { remote: 0, local: 0, legacy: 100 };

it('a weight on new code without a prepared data home, also by force', async () => {
  const fact = 'The data of message (messaging) has no home yet: banyan legacy prepare, then banyan data messaging --legacy.';
  for (const force of [false, true]) {
    const said = await byTerminal(['message', '--local', '10%', ...(force ? ['--force'] : [])]);
    expect(said).toMatchObject({ code: 1, out: '', err: expect.stringContaining(fact) as string });
    const answer = await byApi(host.url, 'message', { local: 10, legacy: 90, previous: allLegacy, force });
    expect(answer).toMatchObject({ status: 409, body: { code: 'route.no_data_home', fact } });
  }
  expect(await shares('message')).toEqual(allLegacy);
});

it('a weight on legacy without LEGACY_URL', async () => {
  const said = await byTerminal(['auth', '--legacy', '90%', '--force'], { LEGACY_URL: '' });
  expect(said).toMatchObject({ code: 1, out: '', err: expect.stringContaining('that needs LEGACY_URL, which is not set here.') as string });
  const alone = { ...freshEnvironment({ redis: true }), LEGACY_DATABASE_URL: database.url };
  const without = await ServerProcess.start(alone);
  try {
    await decideHomes(alone, 'legacy');
    const answer = await until(async () => {
      const found = await byApi(without.url, 'auth', { legacy: 90, force: true });
      return found.status !== 503 && found; // until it has opened the data
    });
    expect(answer).toMatchObject({ status: 409, body: { code: 'route.out_of_reach', home: 'legacy', setting: 'LEGACY_URL' } });
  } finally {
    await without.remove();
    await dropDatabases(alone);
  }
  expect(await shares('auth')).toEqual(allLegacy);
});

it('a process without LEGACY_URL beside others that have it, as long as a domain is where ROUTES says', async () => {
  await expect(ServerProcess.start({ ...environment, LEGACY_URL: '' })).rejects.toThrow(
    /LEGACY_URL is missing: the host at http.* has http.*, and auth, .*, which nobody has moved, would be served here and there by different code\./,
  );
});

it('secrets that differ, also by force', async () => {
  for (const force of [false, true]) {
    const said = await byTerminal(['user', '--local', '10%', ...(force ? ['--force'] : [])], { LEGACY_URL: stranger.url });
    expect(said).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('Both sides need the same JWT_SECRET_KEY') as string,
    });
    const answer = await byApi(misled.url, 'user', { local: 10, legacy: 90, previous: allLegacy, force });
    expect(answer).toMatchObject({
      status: 409,
      body: { code: 'route.secrets_differ', detail: expect.stringContaining('JWT_SECRET_KEY') as string },
    });
  }
  expect(await shares('user')).toEqual(allLegacy);
});

it('a home without anybody there', async () => {
  const said = await byTerminal(['user', '--remote', '10%', '--legacy', '90%']);
  expect(said).toMatchObject({ code: 1, out: '', err: expect.stringContaining('no live process serves it there') as string });
  const answer = await byApi(host.url, 'user', { remote: 10, legacy: 90, previous: allLegacy });
  expect(answer).toMatchObject({ status: 409, body: { code: 'route.nobody_there', home: 'remote' } });
  expect(await shares('user')).toEqual(allLegacy);
});

describe('doctor and status', () => {
  /** What host_db says that a process was started with. */
  const nameTo = (process: ServerProcess, url: string | null) =>
    withClient(environment['HOST_DATABASE_URL']!, (client) =>
      client.query('UPDATE banyan_host.instances SET legacy_url = $1 WHERE url = $2', [url, process.url]),
    );
  beforeAll(() => nameTo(misled, legacy.url)); // most of this is about other things

  const checks = async (settings: Record<string, string> = {}) => {
    const said = await banyan({ ...environment, ...settings }, 'doctor', '--json');
    const list = JSON.parse(said.out) as { what: string; state: string; sentence: string }[];
    return { code: said.code, list, of: (what: RegExp) => list.filter((check) => what.test(check.what)) };
  };

  it('find everything well, each in one line', async () => {
    const said = await until(async () => {
      const answer = await banyan(environment, 'doctor');
      return answer.code === 0 && answer; // unless a process has just been held up
    });
    expect(said.out).toMatch(/^ok +RabbitMQ +– RabbitMQ 3\.\d+\.\d+$/m);
    expect(said.out).toMatch(/^ok +Redis +– \d+\.\d+\.\d+$/m);
    expect(said.out).toMatch(/^ok +legacy database +– PostgreSQL 15\.\d+, prepared$/m);
    expect(said.out).toMatch(/^ok +rights in legacy database +– banyan_auth, banyan_user$/m);
    expect(said.out.match(/^ok +secret of the host at .* – as here$/gm)).toHaveLength(2);
    expect(said.out.match(/^ok +clock of .* – as this machine's$/gm)).toHaveLength(5);
    expect(said.out.split('\n').filter((line) => line && !/^ok {9}\S.* – \S.*$/.test(line))).toEqual([]);
  });

  it('name secrets that differ, on either side', async () => {
    const other = await checks({ LEGACY_URL: stranger.url });
    expect([other.code, other.of(/^monolith$/)[0]]).toMatchObject([
      3,
      { state: 'broken', sentence: expect.stringContaining('same JWT_SECRET_KEY') as string },
    ]);
    const ours = await checks({ JWT_SECRET_KEY: randomBytes(32).toString('hex') });
    expect(ours.code).toBe(3);
    expect(ours.of(/^monolith|^secret of/).map(({ state }) => state)).toEqual(['broken', 'broken', 'broken']);
  });

  it('name what is away: database, broker, Redis', async () => {
    const away = await checks({
      AMQP_URL: 'amqp://127.0.0.1:1',
      REDIS_URL: 'redis://127.0.0.1:1',
      LEGACY_DATABASE_URL: 'postgres://x@127.0.0.1:1/x',
    });
    expect(away.code).toBe(3);
    for (const what of [/^RabbitMQ$/, /^Redis$/, /^legacy database$/])
      expect(away.of(what)).toEqual([
        expect.objectContaining({ state: 'broken', sentence: expect.stringContaining('ECONNREFUSED') as string }),
      ]);
    const blind = await checks({ HOST_DATABASE_URL: 'postgres://x@127.0.0.1:1/host_db' });
    expect([blind.code, blind.of(/^host_db$/)[0]?.state, blind.of(/^Redis$/)[0]?.state]).toEqual([3, 'broken', 'ok']);
    // Status has nothing to show without it.
    expect(await banyan({ ...environment, HOST_DATABASE_URL: 'postgres://x@127.0.0.1:1/host_db' }, 'status', '--json')).toMatchObject({
      code: 1,
      out: '',
    });
  });

  it('name settings that contradict each other or the state', async () => {
    const unsigned = await checks({ CARRIER_KEY: '' });
    expect(unsigned).toMatchObject({
      code: 3,
      list: [{ what: 'settings', state: 'broken', sentence: expect.stringContaining('CARRIER_KEY is missing') as string }],
    });
    const circle = await checks({ LEGACY_URL: host.url });
    expect(circle.of(/^LEGACY_URL$/)).toEqual([
      expect.objectContaining({ state: 'broken', sentence: expect.stringContaining('in a circle') as string }),
    ]);
    const lost = await checks({ LEGACY_DATABASE_URL: '' });
    expect(lost.of(/^LEGACY_DATABASE_URL$/)[0]?.sentence).toContain('The data of identity, social is in the legacy database');
    // Past every refusal, as a restored host_db might have it.
    await withClient(environment['HOST_DATABASE_URL']!, (client) =>
      client.query(`INSERT INTO banyan_host.routes (version, domain, remote, local, legacy, previous, changed_by, reason)
        VALUES (1, 'message', 0, 1000, 9000, '{"remote":0,"local":0,"legacy":10000}', 'test', 'test')`),
    );
    try {
      const homeless = await checks();
      expect(homeless.of(/^data of message$/)[0]?.sentence).toContain('its data (messaging) has no home');
      const nowhere = await checks({ LEGACY_URL: '' });
      expect(nowhere.of(/^route of message$/)[0]?.sentence).toContain('90% of it are at legacy, and LEGACY_URL is not set here');
    } finally {
      await withClient(environment['HOST_DATABASE_URL']!, (client) => client.query('DELETE FROM banyan_host.routes'));
    }
  });

  it('name processes that were given another monolith, or another database of it', async () => {
    await nameTo(misled, stranger.url);
    const there = await checks();
    expect(there.of(/^LEGACY_/)).toEqual([
      { what: `LEGACY_URL of the host at ${misled.url}`, state: 'attention', sentence: expect.stringContaining(stranger.url) as string },
    ]);
    const elsewhere = new URL(database.url);
    elsewhere.pathname = '/postgres';
    const other = await checks({ LEGACY_DATABASE_URL: elsewhere.href });
    expect(other.of(/^LEGACY_DATABASE_URL of/).map(({ state }) => state)).toEqual(['attention', 'attention']);
    expect(JSON.stringify(other.list)).not.toContain(elsewhere.password);
    const said = await banyan(environment, 'status');
    expect(said).toMatchObject({ code: 3, out: expect.stringContaining(`! LEGACY_URL of the host at ${misled.url}: It has`) as string });
    await nameTo(misled, null); // as one that was started before the monolith was named
    expect((await checks()).of(/^LEGACY_URL of/)).toMatchObject([
      { state: 'broken', sentence: `It was started without LEGACY_URL, which is ${legacy.url} here: start it again with it.` },
    ]);
    await nameTo(misled, legacy.url);
  });

  it('name a role that lost a right', async () => {
    const set = (sql: string) => withClient(database.url, (client) => client.query(sql));
    await set('REVOKE UPDATE ON banyan_auth.users FROM banyan_auth');
    try {
      const { of } = await checks();
      expect(of(/^rights in legacy database$/)).toEqual([
        expect.objectContaining({
          state: 'broken',
          sentence: expect.stringContaining('banyan_auth may not read and write users') as string,
        }),
      ]);
    } finally {
      await set('GRANT UPDATE ON banyan_auth.users TO banyan_auth');
    }
  });

  it('status has one stable shape, and says what is next', async () => {
    const { code, out } = await banyan(environment, 'status', '--json');
    const status = JSON.parse(out) as Record<string, unknown>;
    expect([code, Object.keys(status)]).toEqual([
      0,
      ['routes', 'data_homes', 'health', 'processes', 'mismatches', 'relay_queues', 'saved_acknowledgements', 'attention', 'next'],
    ]);
    expect(status).toMatchObject({
      data_homes: [
        { table_set: 'identity', home: 'legacy' },
        { table_set: 'social', home: 'legacy' },
        { table_set: 'messaging', home: 'none' },
        { table_set: 'groups', home: 'none' },
        { table_set: 'media', home: 'none' },
      ],
      relay_queues: { legacy: 'fed', own: 'unused' },
      next: ['Say where new code finds the data of messaging, groups, media: banyan data messaging --legacy.'],
    });
  });
});

it('a monolith that is dead gets no more', async () => {
  expect(await byTerminal(['user', '--local', '100%'])).toMatchObject({ code: 0, err: '' });
  await until(async () => (await admin.get('/admin/routes')).status === 200);
  await legacy.kill();
  const said = await byTerminal(['user', '--legacy', '50%']);
  expect(said).toMatchObject({ code: 1, out: '', err: expect.stringContaining('nobody answers at LEGACY_URL') as string });
  const answer = await byApi(host.url, 'user', { local: 50, legacy: 50, previous: { remote: 0, local: 100, legacy: 0 } });
  expect(answer).toMatchObject({ status: 409, body: { code: 'route.legacy_silent', finding: 'silent' } });
  const status = await banyan(environment, 'status');
  expect(status.code).toBe(3);
  expect(status.out).toMatch(/^! monolith: Nobody answers at LEGACY_URL: start the monolith, or correct LEGACY_URL\.$/m);
});
