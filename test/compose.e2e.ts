import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { banyan } from './support/cli';
import { readCompose } from './support/compose';
import { register } from './support/people';
import { createTestBroker, type TestBroker } from './support/rabbitmq';
import { required } from './support/banyan';
import { ServerProcess } from './support/server-process';
import { until } from './support/until';

/** The processes of docker-compose.yml, started by hand with what it says to them; only the addresses of the servers are those of the tests. */
const run = `compose_${randomBytes(4).toString('hex')}`;
const secrets = { jwt: randomBytes(48).toString('base64'), carrier: randomBytes(48).toString('base64') };
const running: ServerProcess[] = [];
let broker: TestBroker;

beforeAll(async () => {
  broker = await createTestBroker();
});
afterAll(async () => {
  await Promise.all(running.map((each) => each.remove()));
  await broker.drop();
  const client = new Client({ connectionString: required('TEST_DATABASE_URL') });
  await client.connect();
  try {
    for (const name of ['auth_db', 'user_db', 'message_db', 'host_db']) await client.query(`DROP DATABASE IF EXISTS ${run}_${name}`);
  } finally {
    await client.end();
  }
});

/** What the file says to a service, at the servers that are here. */
function environmentOf(service: string): Record<string, string> {
  const [postgres, rabbitmq] = [new URL(required('TEST_DATABASE_URL')), new URL(broker.url)];
  const { services } = readCompose({
    POSTGRES_PASSWORD: decodeURIComponent(postgres.password),
    RABBITMQ_PASSWORD: decodeURIComponent(rabbitmq.password),
    S3_PASSWORD: 'unused',
    JWT_SECRET_KEY: secrets.jwt,
    CARRIER_KEY: secrets.carrier,
    LOG_LEVEL: 'warn',
  });
  const said = Object.entries(services[service]!.environment!).map(([name, value]) => [name, String(value)] as const);
  return Object.fromEntries(
    said.map(([name, value]) => [
      name,
      value
        .replace(/banyan@postgres-\w+:5432\//, `${postgres.username}@${postgres.host}/${run}_`)
        .replace('rabbitmq:5672', `${rabbitmq.host}${rabbitmq.pathname}`)
        .replace('redis://redis:6379', required('TEST_REDIS_URL')),
    ]),
  );
}

async function start(service: string): Promise<ServerProcess> {
  const started = await ServerProcess.start(environmentOf(service)); // on a port of this machine, not the container's
  running.push(started);
  return started;
}

it('starts as written: host and worker are ready, and a call goes from one to the other', async () => {
  const host = await start('host');
  const worker = await start('user');
  for (const { url } of [host, worker]) expect((await fetch(`${url}/readyz`)).status).toBe(200);

  const settings = environmentOf('host');
  const moved = await until(async () => {
    const answer = await banyan(settings, 'route', 'user', '--remote', '100%');
    return answer.code === 0 && answer;
  });
  expect(moved.out).toContain('All 2 processes follow it.');
  await register(host.url, 'compose');
  const calls = await (await fetch(`${host.url}/metrics`)).text();
  expect(calls).toMatch(/^banyan_calls_total\{operation="user\.\w+",home="remote",outcome="ok"\} [1-9]/m);
});
