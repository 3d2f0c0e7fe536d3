import { randomUUID } from 'node:crypto';
import { loadSettings } from '@banyan/platform/config/settings';
import { contract, query } from '@banyan/platform/contract';
import { toStored } from '@banyan/platform/host/contract-library';
import { type InstanceKind, InstanceStore } from '@banyan/platform/host/instance.store';
import { contractShape } from '@banyan/platform/host/shapes';
import { Traffic } from '@banyan/platform/telemetry/traffic';
import { z } from 'zod';
import { migrations } from '../../../../migrations/registry';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database';
import { RouteService } from './route.service';

const build = (input: z.ZodRawShape) =>
  contract('relay', { send: query({ summary: '', access: 'internal', input: z.object(input), output: z.object({}) }) });
const today = build({ text: z.string() });
const additive = build({ text: z.string(), colour: z.string().optional() });
const breaking = build({ text: z.int() });

let home: TestDatabase;
let routes: RouteService;

beforeAll(async () => {
  home = await createTestDatabase({ schema: 'banyan_host', side: migrations.host!.side });
  routes = serviceWith({ remote: true, legacy: true });
});
afterEach(() => home.admin('TRUNCATE routes, route_changes, instances, contracts'));
afterAll(() => home.drop());

const serviceWith = (reach: { remote: boolean; legacy: boolean }) => new RouteService(home.database, loadSettings({}).ROUTES, reach);

async function run(kind: InstanceKind, name = kind as string, of = today, traffic: Traffic = new Traffic()) {
  const store = new InstanceStore(home.database, { limitMs: 60_000 });
  const id = randomUUID();
  const self = { id, kind, queue: id, build: name, url: 'http://localhost:1', domains: kind === 'edge' ? [] : ['relay'] };
  await store.advertise(self, [toStored(contractShape(of))], { draining: false, routeVersion: 0, dataHomeVersion: 0 });
  await store.heartbeat(id, { routeVersion: 0, dataHomeVersion: 0 }, traffic.report());
  await home.admin(`UPDATE instances SET heartbeat_at = clock_timestamp() + interval '1 hour' WHERE id = '${id}'`); // no stall makes it silent
  return { id, store };
}

const local = { remote: 0, local: 100, legacy: 0 };
const canary = { remote: 25, local: 75, legacy: 0 };
const move = (to: typeof canary, more: { previous?: typeof canary; force?: boolean } = { previous: local }, service = routes) =>
  service.change({ domain: 'relay', to, by: 'user ada', why: 'canary', force: false, ...more });

describe('moving a route', () => {
  it('says what was, what is and what happens, and is kept with its reason', async () => {
    await run('host');
    await run('worker');
    const answer = await move(canary);
    expect(answer).toMatchObject({ changed: true, before: local, after: canary });
    expect(answer.sentence).toBe(
      'relay goes from 100% local to 25% remote, 75% local: 25% of its users move, within a second and without a restart.',
    );
    const relay = (await routes.list()).find(({ domain }) => domain === 'relay');
    expect(relay?.last_change).toMatchObject({ by: 'user ada', reason: 'canary', previous: local, version: answer.version });
    expect(await move(canary)).toMatchObject({ changed: false, sentence: 'relay stays where it is: 25% remote, 75% local.' });
  });

  it('is refused where the settings do not reach, also by force', async () => {
    await run('worker');
    await run('host');
    const [noBroker, noLegacy] = [serviceWith({ remote: false, legacy: true }), serviceWith({ remote: true, legacy: false })];
    await expect(move(canary, { force: true }, noBroker)).rejects.toMatchObject({
      code: 'route.out_of_reach',
      extra: { home: 'remote', setting: 'AMQP_URL' },
    });
    const legacy = { remote: 0, local: 0, legacy: 100 };
    await expect(move(legacy, { force: true }, noLegacy)).rejects.toMatchObject({ extra: { home: 'legacy', setting: 'LEGACY_URL' } });
    expect(await move(legacy)).toMatchObject({ changed: true });
  });

  it('is refused to a home where nobody is, unless forced', async () => {
    await run('host');
    await expect(move(canary)).rejects.toMatchObject({ code: 'route.nobody_there', extra: { home: 'remote' } });
    const { id, store } = await run('worker');
    await store.drain(id);
    await expect(move(canary)).rejects.toMatchObject({ code: 'route.nobody_there' });
    expect(await move(canary, { force: true })).toMatchObject({ changed: true });
    expect(await move(local, { previous: canary })).toMatchObject({ changed: true }); // back is always possible
  });

  it('lets a share shrink although nobody is there any more', async () => {
    await run('host');
    await move({ remote: 50, local: 50, legacy: 0 }, { force: true });
    expect(await move(canary, { previous: { remote: 50, local: 50, legacy: 0 } })).toMatchObject({ changed: true });
  });

  it('wants somebody there whom every running build understands', async () => {
    await run('host', 'old');
    await run('worker', 'odd', breaking);
    await expect(move(canary)).rejects.toMatchObject({ code: 'route.nobody_there' });
    await home.admin("DELETE FROM instances WHERE build = 'odd'");
    await run('worker', 'new', additive);
    await run('edge', 'other', breaking); // takes requests, and would find nobody
    await expect(move(canary)).rejects.toMatchObject({ code: 'route.nobody_there' });
    await home.admin("DELETE FROM instances WHERE build = 'other'");
    expect(await move(canary)).toMatchObject({ changed: true });
  });

  it('is refused to whoever saw something else, or does not say what he saw', async () => {
    await run('host');
    await run('worker');
    await move(canary);
    await expect(move({ remote: 50, local: 50, legacy: 0 })).rejects.toMatchObject({ code: 'route.moved', extra: { current: canary } });
    await expect(move(local, {})).rejects.toMatchObject({ code: 'route.previous_missing', extra: { current: canary } });
    expect(await move(local, { force: true })).toMatchObject({ changed: true, before: canary });
  });
});

describe('seeing the routes', () => {
  it('adds up what all processes saw, and counts who is there', async () => {
    const [one, other] = [new Traffic(), new Traffic()];
    for (let i = 0; i < 10; i++) one.observe('relay.send', 'local', 'ok', 0.001);
    other.observe('relay.send', 'local', 'fault', 0.001);
    other.observe('relay.send', 'remote', 'ok', 0.5);
    await run('host', 'a', today, one);
    await run('host', 'b', today, other);
    await run('worker');
    await run('edge');
    const relay = (await routes.list()).find(({ domain }) => domain === 'relay')!;
    expect(relay.homes.local).toMatchObject({ percent: 100, instances: 2, requests: 11, errors: 1 });
    expect(relay.homes.remote).toMatchObject({ percent: 0, instances: 1, requests: 1, errors: 0 });
    expect(relay.homes.remote.p95_ms).toBeGreaterThanOrEqual(500);
    expect(relay.homes.legacy).toEqual({ percent: 0, instances: null, requests: 0, errors: 0, p95_ms: null });
    await home.admin(`UPDATE instances SET traffic = '{"relay":{"local":"many"}}' WHERE build = 'b'`);
    expect((await routes.list()).find(({ domain }) => domain === 'relay')!.homes.local.requests).toBe(10);
  });

  it('names what one build cannot call at another', async () => {
    await run('host', 'old');
    await run('worker', 'new', additive);
    expect((await routes.processes()).mismatches()).toEqual([]);
    await run('worker', 'odd', breaking);
    const mismatches = (await routes.processes()).mismatches();
    expect(mismatches.map(({ operation, caller_build, callee_build }) => `${caller_build} ${operation} ${callee_build}`).sort()).toEqual([
      'new relay.send odd',
      'odd relay.send new',
      'odd relay.send old',
      'old relay.send odd',
    ]);
    expect(mismatches[0]?.reason).toMatch(/input\.text/);
  });
});
