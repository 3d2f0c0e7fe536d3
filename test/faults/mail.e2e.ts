import type { DomainName } from '@banyan/domains';
import { Client } from 'pg';
import { freshEnvironment } from '../support/banyan';
import { Deployment } from '../support/deployment';
import { type Behaviour, MailServer } from '../support/mail-server';
import { freshAccount, register } from '../support/people';
import { ServerProcess } from '../support/server-process';
import { startServers } from '../support/servers';
import { until } from '../support/until';

jest.setTimeout(120_000);

const MAIL_FROM = 'Example Chat <noreply@chat.example>';
let mails: MailServer;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  mails = await MailServer.start();
  closing.push(() => mails.stop());
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Long enough that an end of waiting plays no part. */
const settings = (): Record<string, string> => ({ SMTP_URL: mails.urlWith(60), MAIL_FROM });

async function queryAt<Row>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** What became of the newest mail to an address. */
const stateOf = async (url: string, address: string) => {
  const rows = await queryAt<{ state: string }>(
    url,
    'SELECT state FROM banyan_notification.mails WHERE address = $1 ORDER BY id DESC LIMIT 1',
    [address],
  );
  return rows[0]?.state;
};

it('a sender that is killed with mails on their way: what may be repeated is, under its Message-ID; nothing is lost, nothing else comes twice', async () => {
  const environment = { ...freshEnvironment(), ...settings() };
  const database = environment['NOTIFICATION_DATABASE_URL']!;
  const server = await ServerProcess.start(environment);
  closing.push(() => server.remove());
  const ada = await register(server.url, 'ada');
  await mails.mailTo(ada.email);

  mails.plan('content', 'stall', 'stall');
  const ben = await register(server.url, 'ben');
  const carl = freshAccount('carl');
  await ada.post('/invitations/send', { inviter_email: ada.email, invitee_email: carl.email }).expect(200);
  await until(async () => mails.arrived.length === 3);
  const dora = await register(server.url, 'dora');
  await server.kill();
  await server.startAgain();

  await mails.mailTo(ben.email);
  await mails.mailTo(dora.email);
  await until(async () => (await stateOf(database, carl.email)) === 'unsure');
  const copies = (address: string) => mails.arrived.filter(({ envelope }) => envelope.to.includes(address));
  expect(new Set(copies(ben.email).map(({ messageId }) => messageId)).size).toBe(1);
  expect([ada.email, ben.email, carl.email, dora.email].map((address) => copies(address).length)).toEqual([1, 2, 1, 1]);
});

it('a database that is killed while the mail server takes a mail: it is sent, and sent once', async () => {
  const servers = await startServers('postgres');
  closing.push(() => servers.stop());
  const url = servers.env['TEST_DATABASE_URL']!;
  const server = await ServerProcess.start({ DATABASE_URL: url, ...settings() });
  closing.push(() => server.remove());
  const ada = await register(server.url, 'ada');
  await mails.mailTo(ada.email);

  let take!: () => void;
  mails.plan('content', new Promise<void>((resolve) => (take = resolve)));
  const carl = freshAccount('carl');
  await ada.post('/invitations/send', { inviter_email: ada.email, invitee_email: carl.email }).expect(200);
  await until(async () => mails.arrived.length === 2);
  await servers.kill('postgres');
  take();
  await mails.mailTo(carl.email);
  await servers.start('postgres');
  const database = new URL(url);
  database.pathname = '/notification_db';
  await until(async () => (await stateOf(database.href, carl.email).catch(() => undefined)) === 'sent');
  const ben = await until(() => register(server.url, 'ben').catch(() => undefined));
  await mails.mailTo(ben.email);
  expect(mails.arrived).toHaveLength(3);
});

/** A process of each of these domains, which does all of its work. */
async function deploy(...remote: DomainName[]): Promise<Deployment> {
  const each = Object.fromEntries(remote.map((domain) => [domain, 1]));
  const deployment = await Deployment.start({ remote: each, workers: each, environment: settings() });
  closing.push(() => deployment.remove());
  return deployment;
}

it.each<['notification' | 'auth' | 'user', 'killed' | 'frozen']>([
  ['notification', 'killed'],
  ['notification', 'frozen'],
  ['auth', 'killed'],
  ['user', 'frozen'],
])('the service of %s is %s: people go on, mails wait, and arrive by themselves, each once', async (domain, how) => {
  const deployment = await deploy('notification', 'auth', 'user');
  const { process } = deployment.workers.find((worker) => worker.domain === domain)!;
  const ada = await register(deployment.url, 'ada');
  await mails.mailTo(ada.email);
  // A sender that dies before it has read the answer is in doubt, and may repeat the mail; that is another test's.
  await until(async () => (await stateOf(deployment.databaseUrl('notification_db'), ada.email)) === 'sent');
  if (how === 'killed') await process.kill();
  else process.freeze();
  const invited = freshAccount('invited');
  await until(() => register(deployment.url, 'ben').catch(() => undefined));
  await until(async () => {
    const { status } = await ada.post('/invitations/send', { inviter_email: ada.email, invitee_email: invited.email });
    return status === 200;
  });
  if (how === 'killed') await process.startAgain();
  else process.thaw();
  await mails.mailTo(invited.email);
  const witness = await until(() => register(deployment.url, 'witness').catch(() => undefined));
  await mails.mailTo(witness.email);
  const ids = mails.received.map(({ messageId }) => messageId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(mails.to(ada.email)).toHaveLength(1);
});

it('a mail server that refuses, stalls and drops under a crowd: each mail arrives once', async () => {
  const server = await ServerProcess.start({ ...freshEnvironment(), SMTP_URL: mails.url, MAIL_FROM });
  closing.push(() => server.remove());
  const ada = await register(server.url, 'ada');
  await mails.mailTo(ada.email);
  const trouble: Behaviour[] = [{ code: 451, text: 'later' }, 'drop', 'stall', { code: 421, text: 'closing' }];
  for (const step of ['connect', 'mail', 'rcpt'] as const) mails.plan(step, ...trouble);
  mails.plan('content', { code: 452, text: 'no space' });
  const invited = Array.from({ length: 20 }, () => freshAccount('invited').email);
  for (const invitee_email of invited) await ada.post('/invitations/send', { inviter_email: ada.email, invitee_email }).expect(200);
  for (const address of invited) await mails.mailTo(address);
  expect(invited.map((address) => mails.to(address).length)).toEqual(invited.map(() => 1));
});

describe.each<[string, DomainName[]]>([
  ['in the process', []],
  ['through RabbitMQ', ['notification']],
])('an event that comes again %s', (_how, remote) => {
  it('makes no second mail', async () => {
    const deployment = await (remote.length > 0 ? deploy(...remote) : undefined);
    const environment = deployment?.environment ?? { ...freshEnvironment(), ...settings() };
    const alone = deployment ? undefined : await ServerProcess.start(environment);
    if (alone) closing.push(() => alone.remove());
    const url = (deployment ?? alone)!.url;
    const ada = await register(url, 'ada');
    await mails.mailTo(ada.email);
    const [seen] = await queryAt<{ event_id: string }>(
      environment['NOTIFICATION_DATABASE_URL']!,
      'SELECT event_id FROM banyan_notification.inbox',
    );
    const payload = {
      user_id: ada.id,
      email: ada.email,
      username: 'ada',
      full_name: null,
      public_key: null,
      created_at: '2026-11-22T00:00:00.000000Z',
    };
    for (let n = 0; n < 5; n++) {
      await queryAt(
        environment['AUTH_DATABASE_URL']!,
        `INSERT INTO banyan_auth.outbox (id, name, key, payload) VALUES ($1, 'user.registered', $2, $3)`,
        [seen!.event_id, ada.id, JSON.stringify(payload)],
      );
    }
    const witness = await register(url, 'witness');
    await mails.mailTo(witness.email);
    const rows = await queryAt(environment['NOTIFICATION_DATABASE_URL']!, 'SELECT FROM banyan_notification.mails WHERE user_id = $1', [
      ada.id,
    ]);
    expect(rows).toHaveLength(1);
    expect(mails.to(ada.email)).toHaveLength(1);
  });
});
