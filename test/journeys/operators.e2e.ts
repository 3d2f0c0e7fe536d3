import { randomUUID } from 'node:crypto';
import { openDataSource } from '@banyan/platform/database/data-source';
import { Database } from '@banyan/platform/database/database';
import { Redelivery } from '@banyan/platform/events/rabbitmq/redelivery';
import { Topology } from '@banyan/platform/events/rabbitmq/topology';
import { Redeliveries } from '@banyan/platform/events/redeliveries';
import { toStored } from '@banyan/platform/host/contract-library';
import { InstanceStore } from '@banyan/platform/host/instance.store';
import { contractShape } from '@banyan/platform/host/shapes';
import { relayContract } from '@banyan/relay/contract';
import { Client } from 'pg';
import request from 'supertest';
import { startTestServer, type TestServer } from '../support/banyan';
import { banyan } from '../support/cli';
import { withClient } from '../support/database';
import { Deployment } from '../support/deployment';
import { connectBroker, disconnectBroker } from '../support/events';
import { type Person, register } from '../support/people';
import { until } from '../support/until';

let server: TestServer;
let admin: Person;
let user: Person;

beforeAll(async () => {
  server = await startTestServer();
  [admin, user] = await Promise.all([register(server.url, 'admin'), register(server.url, 'user')]);
  await inDatabase('AUTH', "UPDATE banyan_auth.users SET role = 'admin' WHERE id = $1", [admin.id]);
});
afterEach(() =>
  inDatabase('HOST', "TRUNCATE banyan_host.routes, banyan_host.route_changes; DELETE FROM banyan_host.instances WHERE kind = 'worker'"),
);
afterAll(() => server.close());

async function inDatabase(name: string, text: string, values?: unknown[]): Promise<unknown[]> {
  const client = new Client({ connectionString: server.environment[`${name}_DATABASE_URL`] });
  await client.connect();
  try {
    return (await client.query(text, values)).rows as unknown[];
  } finally {
    await client.end();
  }
}

/** The worker's last heartbeat. */
const heard = (ago: string) =>
  inDatabase('HOST', `UPDATE banyan_host.instances SET heartbeat_at = clock_timestamp() ${ago} WHERE kind = 'worker'`);

/** As an operator with a broker has left it: a quarter of relay is at workers. */
async function atWorkers(): Promise<void> {
  await inDatabase(
    'HOST',
    `INSERT INTO banyan_host.routes (version, domain, remote, local, legacy, previous, changed_by, reason)
     VALUES (1, 'relay', 2500, 7500, 0, '{"remote":0,"local":10000,"legacy":0}', 'cli grace', 'canary')`,
  );
}

/** A database of the server, as another process opens it. */
async function withDatabase<T>(name: string, schema: string, work: (database: Database) => Promise<T>): Promise<T> {
  const url = server.environment[`${name}_DATABASE_URL`]!;
  const source = await openDataSource({ url, schema, role: schema, poolSize: 1, applicationName: 'spec' });
  try {
    return await work(new Database(() => source));
  } finally {
    await source.destroy();
  }
}

const local = { remote: 0, local: 100, legacy: 0 };

describe('the routes over HTTP', () => {
  it('are for admins', async () => {
    for (const call of [
      (one: Person) => one.get('/admin/routes'),
      (one: Person) => one.put('/admin/routes/relay', { reason: 'fun', force: true }),
    ]) {
      expect((await call(user)).status).toBe(403);
    }
    await request(server.url).get('/api/v1/admin/routes').expect(403);
    await admin.get('/admin/routes').expect(200);
  });

  it('show each home of each domain with its figures', async () => {
    await user.get('/auth/me').expect(200);
    const relay = await until(async () => {
      const { body } = await admin.get('/admin/routes').expect(200);
      expect(body.window_seconds).toBe(60);
      const [auth, relay] = ['auth', 'relay'].map((name) => body.routes.find(({ domain }: { domain: string }) => domain === name));
      return auth.homes.local.p95_ms > 0 && relay.homes.local.instances === 1 && relay; // figures travel with heartbeats
    });
    expect(relay).toMatchObject({
      homes: { local: { percent: 100, instances: 1 }, remote: { percent: 0, instances: 0 } },
      last_change: null,
    });
  });

  it('are moved with who and why, and followed by the process itself', async () => {
    await atWorkers();
    const before = { remote: 25, local: 75, legacy: 0 };
    const { body } = await admin.put('/admin/routes/relay', { ...local, reason: 'enough seen', previous: before }).expect(200);
    expect(body).toMatchObject({ domain: 'relay', changed: true, before, after: local });
    expect(body.sentence).toMatch(/25% of its users move/);
    const routes = (await admin.get('/admin/routes').expect(200)).body.routes as { domain: string; last_change: unknown }[];
    expect(routes.find(({ domain }) => domain === 'relay')?.last_change).toMatchObject({
      by: `user ${admin.id}`,
      reason: 'enough seen',
      previous: before,
    });
    const again = await admin.put('/admin/routes/relay', { ...local, reason: 'enough seen', previous: before }).expect(200);
    expect(again.body.changed).toBe(false);
    await until(async () => {
      const { text } = await request(server.url).get('/metrics');
      return text.includes('banyan_route_share{domain="relay",home="local"} 1\n');
    });
  });

  it.each([
    ['remote without a broker', { remote: 50, reason: 'x', previous: local }, 409, 'route.out_of_reach'],
    ['legacy without its address', { legacy: 50, reason: 'x', force: true }, 409, 'route.out_of_reach'],
    ['what somebody else has moved', { reason: 'x', previous: { remote: 50, local: 50, legacy: 0 } }, 409, 'route.moved'],
    ['without what was seen', { reason: 'x' }, 428, 'route.previous_missing'],
    ['without a reason', { force: true }, 422, 'invalid_input'],
    ['shares that do not add up', { remote: 60, local: 60, reason: 'x', force: true }, 422, 'invalid_input'],
    ['a thousandth', { remote: 0.001, reason: 'x', force: true }, 422, 'invalid_input'],
  ])('refuse %s', async (_what, body, status, code) => {
    if (code === 'route.moved') await atWorkers();
    const answer = await admin.put('/admin/routes/relay', body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(typeof answer.body.detail).toBe('string');
  });

  it('know no other domain', async () => {
    await admin.put('/admin/routes/payments', { reason: 'x', force: true }).expect(422);
  });
});

describe('banyan', () => {
  const run = (...args: string[]) => banyan(server.environment, ...args);

  it('status: all is well, and says so to programs', async () => {
    const said = await until(async () => {
      const answer = await run('status');
      return answer.code === 0 && answer; // unless this process has just been held up, and seems silent
    });
    expect(said.err).toBe('');
    expect(said.out).toMatch(/^host +live .*auth, user, message, group, media, relay, notification, websocket\n\nAll is well\.$/m);
    const { processes, mismatches, attention } = JSON.parse((await run('status', '--json')).out) as Record<
      string,
      { url?: string; state?: string }[]
    >;
    expect(processes).toEqual([expect.objectContaining({ kind: 'host', state: 'live', url: server.url })]);
    expect([mismatches, attention]).toEqual([[], []]);
  });

  it('status: names what needs attention, and exits with 3', async () => {
    await atWorkers();
    const send = contractShape(relayContract).operations.get('relay.send')!;
    const shape = {
      hash: 'odd',
      domain: 'relay',
      operations: new Map([['relay.send', { ...send, hash: 'odd', input: { type: 'string' } }]]),
    };
    await withDatabase('HOST', 'banyan_host', async (database) => {
      const self = {
        id: randomUUID(),
        kind: 'worker',
        queue: 'q',
        build: '0.0.9+odd',
        url: 'http://localhost:1',
        domains: ['relay'],
      } as const;
      await new InstanceStore(database, { limitMs: 60_000 }).advertise(self, [toStored(shape)], {
        draining: false,
        routeVersion: 0,
        dataHomeVersion: 0,
      });
    });
    await heard("+ interval '1 hour'"); // no stall makes it silent
    const odd = await run('status');
    expect(odd).toMatchObject({ code: 3, err: expect.stringMatching(/things need attention/) });
    expect(odd.out).toMatch(/! Build .* cannot call relay\.send of build 0\.0\.9\+odd: input: string does not take object\./);
    await heard("- interval '9 s'");
    const silent = await run('status');
    expect(silent).toMatchObject({ code: 3 });
    expect(silent.out).toMatch(/! 25% of relay go to remote, where no live process serves it\./);
    expect(silent.out).toMatch(/! The worker at http:\/\/localhost:1 has been silent for/);
  });

  it('route: shows all, or one', async () => {
    await atWorkers();
    const all = await run('route');
    expect(all).toMatchObject({ code: 0, err: '' });
    expect(all.out).toMatch(/^relay +remote +25% +0 .*cli grace: canary\n +local +75% +\d /m);
    expect(all.out).toMatch(/^message +local +100%/m);
    const one = JSON.parse((await run('route', 'relay', '--json')).out) as { routes: { domain: string }[] };
    expect(one.routes.map(({ domain }) => domain)).toEqual(['relay']);
  });

  it('route: moves one, says what happens, and that it is followed', async () => {
    await atWorkers();
    const said = await run('route', 'relay', '--local', '100%', '--why', 'enough seen');
    expect(said).toMatchObject({ code: 0, err: '' });
    const sentence = 'relay goes from 25% remote, 75% local to 100% local: 25% of its users move, within a second and without a restart.';
    const [first, second] = said.out.split('\n');
    expect([first, second]).toEqual([sentence, expect.stringContaining('follow')]);
    const [change] = (await inDatabase('HOST', 'SELECT * FROM banyan_host.routes')) as Record<string, unknown>[];
    expect(change).toMatchObject({
      local: 10_000,
      reason: 'enough seen',
      changed_by: expect.stringMatching(/^cli .+@.+/),
      previous: { remote: 2_500 },
    });
  });

  it.each([
    [['route', 'relay', '--remote', '25%'], 1, 'that needs AMQP_URL'],
    [['route', 'relay', '--legacy', '25%', '--force'], 1, 'that needs LEGACY_URL'],
    [['route', '--remote', '25%'], 2, 'say which domain'],
    [['route', 'relay', '--remote', '10', '--local', '10', '--legacy', '10'], 2, 'relay is at 100% local'],
    [['route', 'relay', '--remote', '101%'], 2, 'share such as 25%'],
    [['route', 'payments'], 2, 'Allowed choices are auth, user'],
  ])('%j: %i, %s', async (args, code, text) => {
    const said = await run(...args);
    expect([said.code, said.out, said.err.includes(text)]).toEqual([code, '', true]);
  });

  it('events: lists the dead, and lets them be tried again', async () => {
    expect(await run('events', 'dead')).toEqual({ code: 0, out: 'No event is dead.\n', err: '' });
    const id = randomUUID();
    await withDatabase('USER', 'banyan_user', (database) =>
      new Redeliveries(database, { maxAttempts: 1 }).record(
        'Nobody.listens',
        { id, name: 'user.registered', data: {} } as never,
        new TypeError('secret'),
      ),
    );
    const dead = await run('events', 'dead', 'user');
    expect(dead.out).toMatch(new RegExp(`^user +user\\.registered +${id} +Nobody\\.listens +1 .*TypeError`, 'm'));
    expect(dead.out).not.toContain('secret');
    expect(JSON.parse((await run('events', 'dead', '--json')).out)).toEqual([expect.objectContaining({ domain: 'user', event_id: id })]);
    expect(await run('events', 'replay', 'user', randomUUID())).toMatchObject({ code: 1 });
    expect(await run('events', 'replay', 'user', id)).toEqual({ code: 0, out: '1 event is tried again.\n', err: '' });
    expect((await run('events', 'dead')).out).toBe('No event is dead.\n');
    expect(await run('events', 'replay', 'user', 'some')).toMatchObject({ code: 2 });
  });

  it('says in one sentence why it cannot look', async () => {
    const nobody = { ...server.environment, HOST_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/host_db' };
    for (const command of ['status', 'route']) {
      const said = await banyan(nobody, command);
      expect(said).toMatchObject({ code: 1, out: '' });
      expect(said.err).toMatch(/^PostgreSQL at 127\.0\.0\.1:1 does not answer .*\n$/);
    }
    expect(await banyan({ DATA_DIR: '/nonexistent' }, 'route')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^There is no database in \/nonexistent: start a server .*\n$/),
    });
  });
});

describe('with a worker', () => {
  it('events that a subscriber could not handle lie in the broker, and are listed and tried again all the same', async () => {
    const deployment = await Deployment.start({ workers: { user: 1 } });
    const url = deployment.environment['AMQP_URL']!;
    const connection = await connectBroker(url);
    const redelivery = new Redelivery(connection, new Topology([]));
    try {
      const run = (...words: string[]) => banyan(deployment.environment, 'events', ...words);
      expect(await run('dead')).toEqual({ code: 0, out: 'No event is dead.\n', err: '' });
      const [id, other] = [randomUUID(), randomUUID()];
      for (const [event, subscription] of [
        [id, 'websocket.nobody'],
        [other, 'user.nobody'],
      ] as const) {
        const content = Buffer.from(JSON.stringify({ id: event, name: 'user.registered', data: { text: 'secret' } }));
        await redelivery.dead({ subscription, id: event, name: 'user.registered', content, attempts: 3 }, 'TypeError');
      }
      const dead = await run('dead', 'websocket');
      expect(dead.out).toMatch(new RegExp(`^websocket +user\\.registered +${id} +websocket\\.nobody +3 .*TypeError`, 'm'));
      expect(dead.out).not.toContain('secret');
      expect(dead.out).not.toContain(other);
      expect(await run('replay', 'websocket', other)).toMatchObject({ code: 1 });
      expect(await run('replay', 'websocket', 'all')).toEqual({ code: 0, out: '1 event is tried again.\n', err: '' });
      // Nobody listens to it, so it comes back.
      expect(JSON.parse((await run('dead', 'websocket', '--json')).out)).toMatchObject([{ event_id: id, error: 'NoQueue' }]);
      expect(await banyan({ ...deployment.environment, AMQP_URL: 'amqp://127.0.0.1:1' }, 'events', 'dead')).toMatchObject({
        code: 1,
        err: expect.stringMatching(/^RabbitMQ at 127\.0\.0\.1:1 does not show its dead letters: .*\n$/),
      });
    } finally {
      redelivery.close();
      await disconnectBroker(connection);
      await deployment.remove();
    }
  });

  it('a domain is moved there by a terminal and back by an admin, and requests go where they say', async () => {
    const deployment = await Deployment.start({ workers: { user: 1 } });
    try {
      const ada = await register(deployment.url, 'ada');
      await withClient(deployment.databaseUrl('auth_db'), (client) =>
        client.query("UPDATE banyan_auth.users SET role = 'admin' WHERE id = $1", [ada.id]),
      );
      const said = await banyan(deployment.environment, 'route', 'user', '--remote', '100%', '--why', 'a worker is there');
      expect([said.code, said.err]).toEqual([0, '']);
      expect(said.out).toContain('user goes from 100% local to 100% remote');
      const ask = () => request(deployment.url).get(`/api/v1/users/${ada.id}`).auth(ada.token, { type: 'bearer' }).expect(200);
      const at = async (home: string) => (await deployment.attempts('user'))[home] ?? 0;
      await until(async () => (await ask()) && (await at('remote')) > 0);
      await until(async () => {
        const change = { remote: 0, reason: 'seen enough', force: true };
        const { status } = await request(deployment.url).put('/api/v1/admin/routes/user').auth(ada.token, { type: 'bearer' }).send(change);
        return status === 200; // as soon as it is known that she is an admin now
      });
      const before = await at('local');
      await until(async () => (await ask()) && (await at('local')) > before);
      const status = await banyan(deployment.environment, 'route', 'user', '--json');
      expect(JSON.parse(status.out)).toMatchObject({ routes: [{ domain: 'user', last_change: { reason: 'seen enough' } }] });
    } finally {
      await deployment.remove();
    }
  });
});
