import { join } from 'node:path';
import { Client } from 'pg';
import { dropDatabases, freshEnvironment } from '../support/banyan';
import { envelope, type Person, register } from '../support/people';
import { ServerProcess } from '../support/server-process';
import { until } from '../support/until';
import { GATE } from './frozen-publisher/gate';

const script = join(__dirname, 'frozen-publisher/server-with-ledger.ts');
const environment = freshEnvironment({ redis: true });

let servers: ServerProcess[] = [];
let database: Client;

beforeAll(async () => {
  servers = [await ServerProcess.start(environment, { script })];
  database = new Client(environment.MESSAGE_DATABASE_URL);
  await database.connect();
  for (const table of ['told', 'effects']) await database.query(`CREATE TABLE banyan_message.${table} (message_id uuid, pid integer)`);
  await database.query('GRANT INSERT ON banyan_message.effects TO banyan_message');
  servers.push(await ServerProcess.start(environment, { script }));
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.remove()));
  await database?.end();
  await dropDatabases(environment);
});

async function rows<Row>(text: string, ...values: unknown[]): Promise<Row[]> {
  return (await database.query(text, values)).rows as Row[];
}

const toldOf = async (messageId: string) =>
  (await rows<{ pid: number }>('SELECT DISTINCT pid FROM banyan_message.told WHERE message_id = $1', messageId)).map(({ pid }) => pid);

async function send(server: ServerProcess, from: Person, to: Person): Promise<string> {
  const answer = await fetch(`${server.url}/api/v1/relay/send`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${from.token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(envelope(to)),
  });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { message_id: string }).message_id;
}

it('a publisher that froze while it delivered, and thaws when another has its work: no event has its effect twice', async () => {
  const [ada, ben] = await Promise.all([register(servers[0]!.url, 'ada'), register(servers[1]!.url, 'ben')]);
  const sent = [await send(servers[0]!, ada, ben), await send(servers[1]!, ada, ben)];
  const allHappened = () =>
    until(async () => (await rows('SELECT DISTINCT message_id FROM banyan_message.effects')).length === sent.length);
  await allHappened();

  await database.query('SELECT pg_advisory_lock($1)', [GATE]);
  const held = await send(servers[0]!, ada, ben);
  sent.push(held);
  const holder = await until(async () => (await toldOf(held))[0]);
  const frozen = servers.find(({ pid }) => pid === holder)!;
  const other = servers.find((server) => server !== frozen)!;
  frozen.freeze();
  expect(await until(async () => (await toldOf(held)).find((pid) => pid !== holder))).toBe(other.pid);
  await database.query('SELECT pg_advisory_unlock($1)', [GATE]);
  sent.push(await send(other, ada, ben));
  await allHappened();

  frozen.thaw();
  for (let i = 0; i < 10; i++) sent.push(await send(i % 2 ? frozen : other, ada, ben));
  await allHappened();
  await frozen.terminate(); // it finishes what it had begun
  sent.push(await send(other, ada, ben));
  await allHappened();
  await until(async () => (await rows('SELECT FROM banyan_message.outbox')).length === 0);

  const effects = await rows<{ message_id: string; count: string }>('SELECT message_id, count(*) FROM banyan_message.effects GROUP BY 1');
  expect(new Set(effects.map(({ message_id }) => message_id))).toEqual(new Set(sent));
  expect(effects.filter(({ count }) => count !== '1')).toEqual([]);
});
