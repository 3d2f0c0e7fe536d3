import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { DomainName } from '@banyan/domains';
import { WebSocket } from 'ws';
import { LegacyProcess } from '../legacy-app/legacy-process';
import { dropDatabases, freshEnvironment, TEST_SECRET } from '../support/banyan';
import { banyan } from '../support/cli';
import { decideHomes, domainsWithData, makePrepared, partsOf } from '../support/legacy-server';
import { envelope, type Person, register } from '../support/people';
import { createTestBroker, type TestBroker } from '../support/rabbitmq';
import { ServerProcess } from '../support/server-process';
import { until } from '../support/until';
import type { LegacyDatabase } from './legacy-database';

const SERVED: readonly DomainName[] = ['auth', 'user', 'message', 'relay', 'websocket'];
const withData = SERVED.filter((domain) => domainsWithData.includes(domain));

/** Two edges before the monolith, and a worker with what messages need; nobody is a host. */
let database: LegacyDatabase;
let legacy: LegacyProcess;
let broker: TestBroker;
let environment: Record<string, string>;
let worker: ServerProcess;
let edges: ServerProcess[];
let ada: Person;
let ben: Person;

beforeAll(async () => {
  database = await makePrepared('text');
  legacy = await LegacyProcess.start({ databaseUrl: database.url, secret: TEST_SECRET });
  broker = await createTestBroker();
  environment = {
    ...freshEnvironment({ redis: true }),
    LEGACY_URL: legacy.url,
    LEGACY_DATABASE_URL: database.url,
    AMQP_URL: broker.url,
    CARRIER_KEY: randomBytes(32).toString('hex'),
  };
  worker = await ServerProcess.start({
    ...environment,
    PUBLIC_URL: 'http://localhost',
    SERVE: SERVED.join(','),
  });
  edges = [await ServerProcess.start({ ...environment, SERVE: 'edge' })];
  edges.push(await ServerProcess.start({ ...environment, SERVE: 'edge' }));
  await decideHomes(environment, 'legacy');
  await until(async () => Object.keys(await partsOf(worker.url)).length === withData.length);
  [ada, ben] = [await register(edges[0]!.url, 'ada'), await register(edges[1]!.url, 'ben')];
});

afterAll(async () => {
  for (const process of [...(edges ?? []), worker, legacy]) await process?.remove();
  await dropDatabases(environment);
  await broker?.drop();
  await database?.drop();
});

async function connect(edge: ServerProcess, { id, token }: Person) {
  const socket = new WebSocket(`${edge.url.replace('http', 'ws')}/ws/${id}?token=${token}`);
  const frames: { type: string; data?: { id: string } }[] = [];
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString()) as { type: string }));
  await once(socket, 'open');
  await until(async () => frames.some(({ type }) => type === 'connection_established'));
  return { socket, ids: () => frames.flatMap(({ type, data }) => (type === 'relay_message' ? [data!.id] : [])) };
}

const send = async () => (await ada.post('/relay/send', envelope(ben)).expect(200)).body as { message_id: string; status: string };
const pending = async () =>
  ((await ben.get('/relay/pending').expect(200)).body as { messages: { id: string }[] }).messages.map(({ id }) => id);
const acknowledge = async (message_id: string) => (await ben.post('/relay/acknowledge', { message_id }).expect(200)).body.status as string;

it('while everything is at legacy, its acknowledgements are checked and its queue is kept by the worker', async () => {
  const { message_id } = await send();
  expect(await pending()).toEqual([message_id]);
  await legacy.kill();
  await legacy.startAgain();
  expect(await pending()).toEqual([message_id]);
  expect(await acknowledge(message_id)).toBe('deleted');
  expect(await pending()).toEqual([]);
});

it('what a remote relay pushes reaches sockets that end in legacy, at every edge, once; what legacy pushes too', async () => {
  const devices = [await connect(edges[0]!, ben), await connect(edges[1]!, ben)];
  const sent: string[] = [];
  for (const share of [
    ['--remote', '100%'],
    ['--legacy', '100%'],
    ['--remote', '100%'],
  ]) {
    for (const domain of ['relay', 'message', 'user', 'auth'])
      expect(await banyan(environment, 'route', domain, ...share, '--yes')).toMatchObject({ code: 0, err: '' });
    const { message_id, status } = await send();
    expect(status).toBe('delivered');
    sent.push(message_id);
    for (const { ids } of devices) await until(async () => ids().includes(message_id));
    expect((await pending()).sort()).toEqual([...sent].sort());
  }
  for (const { ids } of devices) expect(ids()).toEqual(sent);
  for (const id of sent) expect(await acknowledge(id)).toBe('deleted');
  for (const { socket } of devices) {
    socket.close();
    await once(socket, 'close');
  }
});

it('a socket that comes again is not given what was acknowledged here, whoever serves its user', async () => {
  for (const share of [
    ['--legacy', '100%'],
    ['--remote', '100%'],
  ]) {
    expect(await banyan(environment, 'route', 'relay', '--legacy', '100%', '--yes')).toMatchObject({ code: 0 });
    const [kept, gone] = [await send(), await send()];
    expect(await banyan(environment, 'route', 'relay', ...share, '--yes')).toMatchObject({ code: 0 });
    expect(await acknowledge(gone.message_id)).toBe('deleted');
    const { socket, ids } = await connect(edges[1]!, ben);
    expect(ids()).toEqual([kept.message_id]);
    expect(await pending()).toEqual([kept.message_id]);
    expect(await acknowledge(kept.message_id)).toBe('deleted');
    socket.terminate();
  }
});
