import { randomUUID } from 'node:crypto';
import { tableSets as allSets } from '@banyan/domains';
import { loadSettings } from '@banyan/platform/config/settings';
import { prepareDatabase } from '@banyan/platform/database/migrate';
import { InstanceStore } from '@banyan/platform/host/instance.store';
import { RouteStore } from '@banyan/platform/host/route.store';
import type { Client } from 'pg';
import { migrations } from '../../../../migrations/registry';
import { type LegacyDatabase, makeLegacyDatabase } from '../../../../test/legacy/legacy-database';
import { createTestDatabase, serverUrl, type TestDatabase, withClient } from '../../../../test/support/database';
import { prepareLegacy } from '../prepare/prepare';
import { makeSideTables } from '../prepare/side';
import { RouteService } from '../routes/route.service';
import { DataHomes, type HomeReach } from './data-homes';

let host: TestDatabase;
let legacy: LegacyDatabase;
let client: Client;
let own: URL;
const initial = loadSettings({}).ROUTES;

beforeAll(async () => {
  host = await createTestDatabase({ schema: 'banyan_host', side: migrations.host!.side });
});
beforeEach(async () => {
  legacy = await makeLegacyDatabase('text');
  client = await legacy.connect();
  own = new URL(serverUrl());
  own.pathname = `/home_${randomUUID().replaceAll('-', '').slice(0, 20)}`;
});
afterEach(async () => {
  await host.admin('TRUNCATE routes, route_changes, data_homes, data_home_changes, instances, contracts');
  await legacy.drop();
  await withClient(serverUrl(), (server) => server.query(`DROP DATABASE IF EXISTS ${own.pathname.slice(1)} WITH (FORCE)`));
});
afterAll(() => host.drop());

const homes = (more: Partial<HomeReach> = {}) =>
  new DataHomes(host.database, initial, { legacy: true, legacyDatabaseUrl: legacy.url, ownUrl: () => own.href, ...more });
const decide = (to: 'own' | 'legacy' | 'none', more: Partial<HomeReach> = {}, tableSets = allSets) =>
  homes(more).change({ tableSets, to, by: 'ada', why: 'a spec' });
const homesNow = async () => [...(await homes().list()).values()].map((decision) => decision?.home ?? 'none');

async function prepare(): Promise<void> {
  await prepareLegacy(client);
  await makeSideTables(legacy.url);
}
const makeOwn = (domain: 'auth') => {
  const schema = `banyan_${domain}`;
  return prepareDatabase({ url: own.href, schema, role: schema, histories: migrations[domain]! });
};
const user = () =>
  client.query(
    `INSERT INTO users (id, email, username, password_hash, public_keys) VALUES (gen_random_uuid(), 'a@example.com', 'a', 'x', '[]')`,
  );
const account = () =>
  withClient(own.href, (database) =>
    database.query(
      `INSERT INTO banyan_auth.users (id, email, username, password_hash) VALUES (gen_random_uuid(), 'a@example.com', 'a', 'x')`,
    ),
  );

async function aProcess(): Promise<void> {
  const self = { id: randomUUID(), kind: 'host', queue: '', build: 'b', url: 'http://localhost:1', domains: ['auth'] } as const;
  await new InstanceStore(host.database).advertise(self, [], { draining: false, routeVersion: 0, dataHomeVersion: 0 });
  await host.admin(`UPDATE instances SET heartbeat_at = clock_timestamp() + interval '1 hour'`); // no stall makes it silent
}
const allLegacy = { remote: 0, local: 0, legacy: 10_000 };
async function routeAll(weights = allLegacy): Promise<void> {
  const routes = new RouteStore(host.database);
  for (const domain of Object.keys(initial)) {
    await routes.change({ domain, ...weights, by: 'ada', why: '', initial: { remote: 0, local: 10_000, legacy: 0 } });
  }
}

describe('the home of a table set', () => {
  it('is the legacy database once that is prepared, views and side tables', async () => {
    await expect(decide('legacy')).rejects.toThrow('The legacy database is not prepared for auth: run banyan legacy prepare.');
    await prepareLegacy(client);
    await expect(decide('legacy')).rejects.toThrow('The side tables of auth are missing');
    await makeSideTables(legacy.url);
    expect(await decide('legacy')).toMatchObject({ changed: true });
    expect(await decide('legacy')).toEqual({ changed: false, version: 0 });
    expect(await homesNow()).toEqual(allSets.map(() => 'legacy'));
  });

  it('is not the legacy database where its address is not known', async () => {
    await expect(decide('legacy', { legacyDatabaseUrl: undefined })).rejects.toThrow('LEGACY_DATABASE_URL is not set');
  });

  it('is not changed over rows that would be left behind, on either side', async () => {
    await prepare();
    await makeOwn('auth');
    await account();
    await expect(decide('legacy')).rejects.toThrow('auth_db has rows in banyan_auth.users, which would be left behind.');
    await user();
    await expect(decide('own')).rejects.toThrow('The legacy database has rows in public.users, which would be left behind.');
    expect(await homesNow()).toEqual(allSets.map(() => 'none'));
  });

  it('is not left while new code is at work, and can be when all is at legacy or nobody runs', async () => {
    await prepare();
    await decide('legacy');
    await aProcess();
    await expect(decide('none')).rejects.toThrow('New code is at work for auth, user, message, group, media, relay, websocket');
    await routeAll();
    expect(await decide('none')).toMatchObject({ changed: true });
    await decide('legacy');
    await host.admin('TRUNCATE instances, routes');
    expect(await decide('own')).toMatchObject({ changed: true });
  });

  it('is decided by one of two operators', async () => {
    await prepare();
    const outcomes = await Promise.allSettled([decide('legacy'), decide('own')]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(new Set(await homesNow()).size).toBe(1);
  });
});

describe('a weight on new code beside a monolith', () => {
  const move = (domain: 'auth' | 'relay' | 'websocket', weights = { remote: 0, local: 10, legacy: 90 }, more: Partial<HomeReach> = {}) =>
    new RouteService(host.database, initial, { remote: true, legacy: true }, { homes: homes(more) }).change({
      domain,
      to: weights,
      by: 'ada',
      why: 'a spec',
      force: true,
    });
  const refused = (fact: string) => ({ code: 'route.no_data_home', extra: { fact: expect.stringContaining(fact) } });
  beforeEach(() => routeAll());

  it('is refused, also by force, until its data has a prepared home, with what is missing', async () => {
    await expect(move('auth')).rejects.toMatchObject(refused('The data of auth (identity) has no home yet'));
    await prepare();
    await decide('legacy', {}, ['identity', 'social']);
    await expect(move('auth')).rejects.toMatchObject(refused('The data of message (messaging) has no home yet')); // whom it calls
    await decide('legacy', {}, ['messaging', 'groups', 'media']);
    expect(await move('auth')).toMatchObject({ changed: true });
    expect(await move('relay')).toMatchObject({ changed: true });
    expect(await move('websocket')).toMatchObject({ changed: true });
  });

  it('is refused when the preparation was removed meanwhile, or its address is missing; less of it never is', async () => {
    await prepare();
    await decide('legacy');
    await move('auth');
    await client.query('DROP SCHEMA banyan_auth CASCADE');
    await expect(move('relay')).rejects.toMatchObject(refused('is not prepared for auth'));
    await expect(move('relay', undefined, { legacyDatabaseUrl: undefined })).rejects.toMatchObject(
      refused('LEGACY_DATABASE_URL is not set'),
    );
    expect(await move('auth', { remote: 0, local: 5, legacy: 95 })).toMatchObject({ changed: true });
  });

  it('is refused on an own database that is empty, because it was decided before the monolith was named', async () => {
    await decide('own');
    await makeOwn('auth');
    await expect(move('auth')).rejects.toMatchObject(refused('is at home in auth_db, which is empty'));
  });

  it('is nobody’s business where there is no monolith', async () => {
    expect(await move('auth', { remote: 0, local: 100, legacy: 0 }, { legacy: false })).toMatchObject({ changed: true });
  });
});
