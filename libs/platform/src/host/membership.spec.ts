import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { migrations } from '../../../../migrations/registry';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database';
import { startTcpProxy, type TcpProxy } from '../../../../test/support/tcp-proxy';
import { loadSettings } from '../config/settings';
import { contract, query } from '../contract';
import type { Database } from '../database/database';
import { ALL_LOCAL } from '../dispatch/routes';
import { createLogger } from '../telemetry/log';
import { Traffic } from '../telemetry/traffic';
import { ContractLibrary, toStored } from './contract-library';
import { type DataHome, DataHomeStore } from './data-home.store';
import { DataHomeTable } from './data-home-table';
import { InstanceRegistry } from './instance-registry';
import { type InstanceKind, InstanceStore } from './instance.store';
import { Membership } from './membership';
import { RouteStore } from './route.store';
import { RouteTable } from './route-table';
import { contractShape } from './shapes';

/** Longer than any test: what happens, happened because somebody said so. */
const NEVER = 3_600_000;
/** So that no stall of the machine makes anybody silent: where that is wanted, the test says so. */
const patient = { limitMs: NEVER, liveMs: NEVER, forgetMs: 24 * NEVER };

const build = (input: z.ZodRawShape) =>
  contract('relay', { send: query({ summary: '', access: 'internal', input: z.object(input), output: z.object({}) }) });
const today = build({ text: z.string() });
const additive = build({ text: z.string(), colour: z.string().optional() });
const breaking = build({ text: z.string(), colour: z.string() });

let home: TestDatabase;
let proxy: TcpProxy;
const running: Membership[] = [];

beforeAll(async () => {
  home = await createTestDatabase({ schema: 'banyan_host', side: migrations.host!.side });
  proxy = await startTcpProxy(home.url);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.leave()));
  await home.admin('TRUNCATE routes, route_changes, data_homes, data_home_changes, instances, contracts');
});
afterAll(async () => {
  await home.drop();
  await proxy.close();
});

const until = async (isSo: () => boolean | Promise<boolean>) => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
};

interface ProcessOptions {
  readonly database?: Database;
  readonly kind?: InstanceKind;
  readonly contract?: typeof today;
  readonly tickMs?: number;
}

/** A process among the others, with connections of its own. One that does not tick sees no time pass between its readings. */
async function start({ database, kind = 'worker', contract: own = today, tickMs = NEVER }: ProcessOptions = {}) {
  const id = randomUUID();
  const connection = database ?? (await home.connect({ poolSize: 2 })).database;
  const store = new InstanceStore(connection, patient);
  const shape = contractShape(own);
  const routeStore = new RouteStore(connection);
  const routes = new RouteTable(routeStore, loadSettings({}).ROUTES);
  const homeStore = new DataHomeStore(connection);
  const dataHomes = new DataHomeTable(homeStore);
  const instances = new InstanceRegistry(store, new ContractLibrary(store, [shape]), tickMs === NEVER ? () => 0 : undefined);
  const parts = {
    database: connection,
    store,
    routes,
    dataHomes,
    instances,
    contracts: [toStored(shape)],
    traffic: new Traffic(),
    log: createLogger({ level: 'silent' }),
  };
  const membership = new Membership(parts, tickMs);
  await membership.follow();
  running.push(membership);
  await membership.advertise({
    id,
    kind,
    queue: `q.${id}`,
    build: 'b',
    url: 'http://localhost:1',
    domains: kind === 'edge' ? [] : ['relay'],
  });
  const sees = (other: { id: string }) => instances.candidates(own.operations.send, 'worker').some((one) => one.id === other.id);
  return { id, membership, routes: routes.routes, table: routes, routeStore, dataHomes, homeStore, instances, store, sees };
}

/** A worker that is there, and whose heartbeats are the test's to make. */
async function standIn() {
  const id = randomUUID();
  const store = new InstanceStore(home.database, patient);
  const self = { id, kind: 'worker', queue: `q.${id}`, build: 'b', url: 'http://localhost:2', domains: ['relay'] } as const;
  await store.advertise(self, [toStored(contractShape(today))], { draining: false, routeVersion: 0, dataHomeVersion: 0 });
  return { id, store };
}

const initial = ALL_LOCAL;
const quarter = { remote: 2_500, local: 7_500, legacy: 0 };
const half = { remote: 5_000, local: 5_000, legacy: 0 };
const move = (to: typeof quarter, more: object = {}) => ({ domain: 'relay', by: 'ada', why: 'canary', initial, ...to, ...more });

describe('a route', () => {
  it('starts where the settings say, and is followed by every process as soon as it is moved', async () => {
    const [one, other] = [await start(), await start()];
    expect(one.routes.weights('relay')).toEqual(ALL_LOCAL);
    const { version } = await one.routeStore.change(move(quarter));
    await until(() => [one, other].every(({ routes }) => routes.weights('relay').remote === 2_500));
    expect(other.table.version).toBe(version);
    expect(other.routes.weights('user')).toEqual(ALL_LOCAL);
    const late = await start();
    expect(late.routes.weights('relay')).toEqual(quarter);
  });

  it('is followed when the announcement is lost, and when the listening connection is', async () => {
    const sweeping = await start({ tickMs: 20 });
    await sweeping.routeStore.change(move(quarter));
    await until(() => sweeping.routes.weights('relay').remote === 2_500);
    await home.admin('UPDATE routes SET remote = 0, local = 10000'); // nobody is told
    await until(() => sweeping.routes.weights('relay').remote === 0);

    const listening = await start({ tickMs: 200 });
    await home.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()");
    await listening.routeStore.change(move(half));
    await until(() => listening.routes.weights('relay').remote === 5_000);
  });

  it('keeps who, when, why and what it was, for every change', async () => {
    const { routeStore } = await start();
    await routeStore.change(move(quarter));
    await routeStore.change(move(half, { by: 'grace', why: "it's fine; DROP TABLE" }));
    const [stored] = await routeStore.list();
    expect(stored).toMatchObject({ domain: 'relay', ...half, previous: quarter, changed_by: 'grace', reason: "it's fine; DROP TABLE" });
    expect(stored?.changed_at).toMatch(/^\d{4}-.*\.\d{6}Z$/);
    expect((await routeStore.history('relay', 10)).map(({ previous, changed_by }) => [changed_by, previous])).toEqual([
      ['grace', quarter],
      ['ada', initial],
    ]);
  });

  it('is not moved by somebody who saw something else; a repeat changes nothing', async () => {
    const { routeStore } = await start();
    expect(await routeStore.change(move(quarter, { expected: initial }))).toMatchObject({ outcome: 'changed', before: initial });
    expect(await routeStore.change(move(half, { expected: initial }))).toMatchObject({ outcome: 'conflict', before: quarter });
    expect(await routeStore.change(move(quarter, { expected: initial }))).toMatchObject({ outcome: 'same', before: quarter });
    expect(await routeStore.change(move(half))).toMatchObject({ outcome: 'changed', before: quarter });
    expect(await routeStore.history(undefined, 10)).toHaveLength(2);
  });

  it('of thirty operators who saw the same, one moves it', async () => {
    const { routeStore } = await start();
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, n) => routeStore.change(move({ remote: n + 1, local: 9_999 - n, legacy: 0 }, { expected: initial }))),
    );
    expect(results.filter(({ outcome }) => outcome === 'changed')).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(29);
  });

  it('always adds up', async () => {
    const { routeStore } = await start();
    await expect(routeStore.change(move({ remote: 1, local: 1, legacy: 1 }))).rejects.toMatchObject({ code: '23514' });
    await expect(routeStore.change(move({ remote: -1, local: 10_001, legacy: 0 }))).rejects.toMatchObject({ code: '23514' });
    expect(await routeStore.list()).toEqual([]);
  });

  it('stops a start that could not follow it', async () => {
    const { routeStore, table } = await start();
    await routeStore.change(move(quarter));
    await table.refresh(Date.now() + NEVER);
    expect(() => table.requireReach({ remote: false, legacy: true })).toThrow('A part of relay is routed to remote, which needs AMQP_URL');
    expect(() => table.requireReach({ remote: true, legacy: false })).not.toThrow();
  });
});

describe('a data home', () => {
  const decision = (home: DataHome, expected: DataHome) => ({
    table_sets: ['identity', 'social'],
    home,
    by: 'ada',
    why: 'canary',
    expected: { identity: expected, social: expected },
  });
  const any = () => undefined;

  it('is nowhere until somebody decides, and then followed by every process at once', async () => {
    const [one, other] = [await start(), await start()];
    expect(one.dataHomes.of('identity')).toBe('none');
    const version = await one.homeStore.change(decision('legacy', 'none'), any);
    await until(() => [one, other].every(({ dataHomes }) => dataHomes.of('identity') === 'legacy'));
    expect(other.dataHomes.of('messaging')).toBe('none');
    expect(other.dataHomes.known).toBe(version);
    expect(await one.homeStore.list()).toMatchObject([
      { table_set: 'identity', home: 'legacy', previous: 'none', changed_by: 'ada', reason: 'canary' },
      { table_set: 'social', home: 'legacy', previous: 'none', changed_by: 'ada', reason: 'canary' },
    ]);
    expect((await start()).dataHomes.of('social')).toBe('legacy');
  });

  it('is followed when the announcement is lost', async () => {
    const sweeping = await start({ tickMs: 20 });
    await home.admin(
      `INSERT INTO data_homes (version, table_set, home, previous, changed_by, reason) VALUES (7, 'identity', 'own', 'none', 'sql', '')`,
    );
    await until(() => sweeping.dataHomes.of('identity') === 'own');
  });

  it('is decided by the first of several processes, and never again by a start', async () => {
    const processes = await Promise.all([start(), start(), start()]);
    await Promise.all(
      processes.map(({ homeStore }, index) =>
        homeStore.decide(['identity', 'social'], { home: index === 0 ? 'own' : 'legacy', by: `start ${index}`, why: '' }),
      ),
    );
    const stored = await processes[0].homeStore.list();
    expect(new Set(stored.map(({ home: decided }) => decided)).size).toBe(1);
    expect(await home.admin('SELECT FROM data_home_changes')).toHaveLength(2);
  });

  it('is changed only by who saw what it was, and only while the routes permit it', async () => {
    const { homeStore, routeStore } = await start();
    await homeStore.change(decision('own', 'none'), any);
    expect(await homeStore.change(decision('legacy', 'none'), any)).toBeUndefined();
    await routeStore.change(move(quarter));
    const refusing = homeStore.change(decision('legacy', 'own'), (moved) => {
      if ((moved.get('relay')?.remote ?? 0) > 0) throw new Error('relay is at work');
    });
    await expect(refusing).rejects.toThrow('relay is at work');
    expect((await homeStore.list()).map(({ home: decided }) => decided)).toEqual(['own', 'own']);
  });

  it('stays in force while host_db is away', async () => {
    const { database } = await home.connect({ poolSize: 2, via: proxy.through });
    const process = await start({ database, tickMs: 20 });
    await process.homeStore.change(decision('own', 'none'), any);
    await until(() => process.dataHomes.of('identity') === 'own');
    await proxy.stop();
    await expect(process.dataHomes.refresh(Date.now() + 50)).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(process.dataHomes.of('identity')).toBe('own');
    await proxy.start();
  });
});

describe('an instance', () => {
  it('is found with its queue by those who understand it, until it drains or leaves', async () => {
    const caller = await start({ kind: 'host' });
    const [same, young, other] = [await start(), await start({ contract: additive }), await start({ contract: breaking })];
    await until(() => caller.sees(same) && caller.sees(young));
    await caller.instances.refresh();
    expect(caller.sees(other)).toBe(false);
    expect(young.sees(same)).toBe(true);
    expect(caller.instances.candidates(today.operations.send, 'worker')).toContainEqual(
      expect.objectContaining({ id: same.id, queue: `q.${same.id}`, kind: 'worker', url: 'http://localhost:1' }),
    );
    expect(caller.instances.candidates(today.operations.send, 'host').map(({ id }) => id)).toEqual([caller.id]);

    await same.membership.drain();
    await until(() => !caller.sees(same));
    await young.membership.leave();
    await until(() => !caller.sees(young));
    expect((await caller.store.list()).map(({ id }) => id).sort()).toEqual([caller.id, same.id, other.id].sort());
  });

  it('stays the same object from one reading to the next', async () => {
    const [caller, worker] = [await start(), await start()];
    await until(() => caller.sees(worker));
    const find = () => caller.instances.candidates(today.operations.send, 'worker').find(({ id }) => id === worker.id);
    const before = find();
    await caller.instances.refresh();
    expect(find()).toBe(before);
  });

  it('that is frozen is not called, and is called again when it goes on', async () => {
    const [caller, worker] = [await start(), await standIn()];
    await caller.instances.refresh();
    expect(caller.sees(worker)).toBe(true);
    await silence(worker.id, '2 hours');
    await caller.instances.refresh();
    expect(caller.sees(worker)).toBe(false);
    expect(await worker.store.heartbeat(worker.id, { routeVersion: 0, dataHomeVersion: 0 }, {})).toBe(true);
    await caller.instances.refresh();
    expect(caller.sees(worker)).toBe(true);
  });

  it('that was silent for long is forgotten by anyone, and comes back by itself', async () => {
    const caller = await start();
    const worker = await start({ tickMs: 20 });
    await home.admin(`DELETE FROM instances WHERE id = '${worker.id}'`); // as others do after a minute
    await until(async () => (await caller.store.list()).some(({ id }) => id === worker.id));
    const frozen = await standIn();
    await silence(frozen.id, '2 days');
    await caller.store.heartbeat(caller.id, { routeVersion: 0, dataHomeVersion: 0 }, {});
    expect((await caller.store.list()).map(({ id }) => id)).not.toContain(frozen.id);
    expect(await frozen.store.heartbeat(frozen.id, { routeVersion: 0, dataHomeVersion: 0 }, {})).toBe(false);
  });

  it('that the carrier suspects is left alone until it is heard of again', async () => {
    const [caller, worker] = [await start(), await standIn()];
    await until(() => caller.sees(worker));
    caller.instances.suspect(worker.id);
    expect(caller.sees(worker)).toBe(false);
    await caller.instances.refresh();
    expect(caller.sees(worker)).toBe(false); // the heartbeat was before
    await worker.store.heartbeat(worker.id, { routeVersion: 0, dataHomeVersion: 0 }, {});
    await caller.instances.refresh();
    expect(caller.sees(worker)).toBe(true);
    caller.instances.suspect('nobody');
  });

  it('whose contract cannot be read promises nothing, and hides nobody', async () => {
    const odd = await start({ contract: additive });
    await home.admin(`UPDATE contracts SET operations = '[1]' WHERE hash = '${contractShape(additive).hash}'`);
    const [stranger, caller] = [await start(), await start()];
    expect([caller.sees(odd), caller.sees(stranger)]).toEqual([false, true]);
  });

  it('tells what it saw and which routes it follows', async () => {
    const worker = await start({ tickMs: 20 });
    const { version } = await worker.routeStore.change(move(quarter));
    await until(async () => (await worker.store.report())[0]?.route_version === version);
    expect((await worker.store.report())[0]).toMatchObject({
      kind: 'worker',
      domains: ['relay'],
      is_live: true,
      draining: false,
      traffic: {},
    });
  });

  /** As if its last heartbeat were so long ago. */
  async function silence(id: string, ago: string): Promise<void> {
    await home.admin(`UPDATE instances SET heartbeat_at = clock_timestamp() - interval '${ago}' WHERE id = '${id}'`);
  }
});

describe('while host_db is away', () => {
  it('routes and instances stay as they were, and go on by themselves', async () => {
    const { database } = await home.connect({ poolSize: 2, via: proxy.through });
    const away = await start({ database, tickMs: 20 });
    const worker = await start();
    await worker.routeStore.change(move(quarter));
    await until(() => away.routes.weights('relay').remote === 2_500 && away.sees(worker));

    await proxy.stop();
    await worker.routeStore.change(move(half));
    await expect(away.instances.refresh()).rejects.toMatchObject({ executed: 'no' });
    expect(away.routes.weights('relay')).toEqual(quarter);
    expect(away.sees(worker)).toBe(true);

    await home.admin("UPDATE instances SET heartbeat_at = clock_timestamp() - interval '2 hours'"); // the outage was everybody's
    await proxy.start();
    await until(() => away.routes.weights('relay').remote === 5_000);
  });

  it('does not lose those who were there, because nobody could be heard', async () => {
    let now = 0;
    const [caller, worker] = [await start(), await standIn()];
    const instances = new InstanceRegistry(caller.store, new ContractLibrary(caller.store), () => now);
    const sees = () => instances.candidates(today.operations.send, 'worker').some(({ id }) => id === worker.id);
    await instances.refresh();
    now += 4_000; // no reading in between
    await home.admin("UPDATE instances SET heartbeat_at = clock_timestamp() - interval '2 hours'");
    await instances.refresh();
    expect(sees()).toBe(true);
    await home.admin(`DELETE FROM instances WHERE id = '${worker.id}'`);
    now += 1_000;
    await instances.refresh();
    expect(sees()).toBe(true);
    for (const pass of [1_000, 1_000]) {
      now += pass;
      await instances.refresh();
    }
    expect(sees()).toBe(false);
  });

  it('a process still stops', async () => {
    const { database } = await home.connect({ poolSize: 2, via: proxy.through });
    const away = await start({ database, tickMs: 20 });
    await proxy.stop();
    await away.membership.drain();
    await away.membership.leave();
    await proxy.start();
  });

  it('and one that only begins says so', async () => {
    const { database } = await home.connect({ poolSize: 2, via: proxy.through });
    await proxy.stop();
    await expect(start({ database })).rejects.toMatchObject({ code: 'database_unavailable' });
    await proxy.start();
  });
});
