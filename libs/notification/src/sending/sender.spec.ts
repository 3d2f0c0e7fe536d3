import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type authContract, NoLink } from '@banyan/auth/contract';
import type { ClientOf } from '@banyan/platform/contract';
import { Unavailable } from '@banyan/platform/contract';
import { createLogger } from '@banyan/platform/telemetry/log';
import type { userContract } from '@banyan/user/contract';
import { v7 as uuidv7 } from 'uuid';
import { migrations } from '../../../../migrations/registry';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database';
import { type Behaviour, MailServer, type Step } from '../../../../test/support/mail-server';
import { until } from '../../../../test/support/until';
import type { Kind } from '../contract';
import { Contents } from '../content';
import { Links } from '../links';
import { kinds } from '../kinds';
import { MailStore } from '../mail.store';
import { TemplateService } from '../template.service';
import { TemplateStore } from '../template.store';
import { WishService } from '../wish.service';
import { WishStore } from '../wish.store';
import { FolderTransport } from './folder';
import { Sender } from './sender';
import { SmtpTransport } from './smtp';
import type { Outcome, Transport } from './transport';

let data: TestDatabase;
let server: MailServer;
const senders: Sender[] = [];

/** What other domains would answer; a test changes what it is about. */
let answers: { link?: () => Promise<never>; name?: string; address?: string };

beforeAll(async () => {
  data = await createTestDatabase({ schema: 'banyan_notification', ...migrations.notification });
  server = await MailServer.start();
});

beforeEach(() => {
  answers = {};
  server.forget();
});

afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.beforeApplicationShutdown()));
  await data.admin('DELETE FROM mails');
});

afterAll(async () => {
  await server.stop();
  await data.drop();
});

const addressOf = (userId: string) => answers.address ?? `${userId}@example.com`;

const auth = {
  link: ({ user_id, purpose }: { user_id: string; purpose: string }) =>
    answers.link?.() ??
    Promise.resolve({
      email: addressOf(user_id),
      username: answers.name ?? 'ada',
      url: `https://chat.example/account/${purpose}#token-of-${user_id}`,
      expires_at: '2026-11-29T15:31:03.071937Z',
    }),
} as unknown as ClientOf<typeof authContract>;

const users = {
  profile: ({ user_id }: { user_id: string }) =>
    Promise.resolve({ id: user_id, email: addressOf(user_id), username: answers.name ?? 'ada', full_name: null }),
  invitationMail: ({ invitation_id }: { invitation_id: string }) =>
    Promise.resolve({
      to: addressOf(invitation_id),
      inviter_name: answers.name ?? 'ada',
      url: 'https://chat.example/accept-invitation/t',
      expires_at: '2026-11-29T15:31:03.071937Z',
    }),
} as unknown as ClientOf<typeof userContract>;

const links = new Links('https://chat.example', 'https://app.example');

/** As one process has it. */
function startSender({
  transport = new SmtpTransport(server.url) as Transport,
  isAtWork = (): boolean => true,
  database = data.database,
} = {}) {
  const wishes = new WishService(new WishStore(database), users);
  const sender = new Sender({
    database,
    store: new MailStore(database),
    contents: new Contents(auth, users, links),
    templates: new TemplateService(new TemplateStore(database), database),
    wishes,
    links,
    transport,
    from: { name: 'Example Chat', address: 'noreply@chat.example' },
    log: createLogger({ level: 'silent' }),
    isAtWork,
  });
  senders.push(sender);
  sender.onApplicationBootstrap();
  return { sender, wishes };
}

/** @returns the id that the address is made of */
async function queue(kind: Kind, { repeats = kinds[kind].repeats } = {}): Promise<{ id: string; subject: string; address: string }> {
  const [id, subject] = [uuidv7(), randomUUID()];
  const userId = kind === 'invitation' ? null : subject;
  const about = { request_id: subject, invitation_id: subject, user_id: subject, at: '2026-11-22T15:31:03.071937Z' };
  await data.database.transaction((tx) =>
    new MailStore(data.database).insert(tx, { id, kind, user_id: userId, data: about, repeats_left: repeats }),
  );
  return { id, subject, address: addressOf(subject) };
}

interface Row {
  readonly state: string;
  readonly attempts: number;
  readonly reason: string | null;
  readonly repeats_left: number;
}

const rowOf = async (id: string) => (await data.admin<Row>('SELECT * FROM mails WHERE id = $1', [id]))[0]!;

/** Its next attempt is now, and not when its back-off ends. */
const hurry = (id: string) => data.admin(`UPDATE mails SET next_at = now() WHERE id = $1 AND state = 'queued'`, [id]);

async function ended(id: string, state = 'sent'): Promise<Row> {
  return until(async () => {
    await hurry(id);
    const row = await rowOf(id);
    return row.state === state && row;
  });
}

describe('a mail server that takes mail', () => {
  it.each(Object.keys(kinds) as Kind[])(
    'gets a mail of kind %s, in text and HTML, from the one sender to the one recipient',
    async (kind) => {
      const { id, address } = await queue(kind);
      startSender();
      const row = await ended(id);
      expect(row).toMatchObject({ attempts: 1, reason: null });
      const mail = await server.mailTo(address);
      expect(mail.envelope).toEqual({ from: 'noreply@chat.example', to: [address] });
      expect(mail.from?.text).toBe('"Example Chat" <noreply@chat.example>');
      expect(mail.messageId).toBe(`<${id}@chat.example>`);
      expect(mail.subject).not.toContain('{{');
      for (const form of [mail.text, String(mail.html)]) {
        expect(form).not.toMatch(/\{\{|undefined/);
        expect(form).toContain('https://');
      }
      expect(mail.headers.get('auto-submitted')).toBe('auto-generated');
      expect(mail.headers.has('list')).toBe(!kinds[kind].isSecurity);
      expect(await data.admin('SELECT * FROM mails')).not.toEqual(expect.stringContaining('token-of'));
    },
  );

  it('is asked for its password, and gets it as it is', async () => {
    const strict = await MailServer.start({ user: 'banyan', pass: 'p@ss:w/rd' });
    const { id } = await queue('verify_email');
    startSender({ transport: new SmtpTransport(strict.url) });
    await ended(id);
    expect(strict.received).toHaveLength(1);
    await strict.stop();
  });

  it('is told of an address in Unicode as it wants to hear it', async () => {
    startSender();
    answers.address = 'ada@exämple.com';
    await ended((await queue('verify_email')).id);
    expect(server.received[0]!.raw).toContain('\r\nTo: ada@xn--exmple-cua.com\r\n');
    answers.address = 'zoë@exämple.com'; // RFC 6531: all of it as it is
    await ended((await queue('verify_email')).id);
    expect(server.received[1]!.envelope.to).toEqual(['zoë@exämple.com']);
  });

  it('an unsubscribe link is for people a page, for mail programs one POST', async () => {
    const { address } = await queue('invitation');
    startSender();
    const mail = await server.mailTo(address);
    const [, token] = /https:\/\/chat\.example\/account\/unsubscribe#(\S+)/.exec(mail.text!)!;
    const header = /^List-Unsubscribe: <([^>]+)>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r$/m.exec(mail.raw);
    expect(header?.[1]).toBe(`https://chat.example/api/v1/notifications/unsubscribe/${token}`);
  });
});

const refusals: [Step, Behaviour, string, RegExp][] = [
  ['mail', { code: 550, text: 'sender refused' }, 'failed', /sender refused/],
  ['rcpt', { code: 550, text: '5.1.1 no such user' }, 'bounced', /no such user/],
  ['rcpt', { code: 552, text: '5.2.2 mailbox full' }, 'bounced', /mailbox full/],
  ['rcpt', { code: 554, text: '5.7.1 relay access denied' }, 'failed', /relay access denied/],
  ['rcpt', { code: 550, text: 'unknown' }, 'bounced', /unknown/],
  ['content', { code: 554, text: '5.7.1 looks like spam' }, 'failed', /spam/],
];

it.each(refusals)('refused for good at %s with %j: %s, tried once', async (step, behaviour, state, reason) => {
  server.plan(step, behaviour);
  const { id } = await queue('verify_email');
  startSender();
  expect(await ended(id, state)).toMatchObject({ attempts: 1, reason: expect.stringMatching(reason) });
  expect(server.received).toEqual([]);
});

const delays: [Step, Behaviour][] = [
  ['connect', { code: 421, text: 'too busy' }],
  ['connect', { code: 554, text: 'no service here' }], // says nothing about this mail
  ['connect', 'stall'],
  ['connect', 'drop'],
  ['mail', { code: 451, text: 'later' }],
  ['mail', 'drop'],
  ['rcpt', { code: 450, text: '4.2.0 greylisted' }],
  ['rcpt', 'stall'],
  ['rcpt', 'drop'],
  ['content', { code: 452, text: 'no space' }],
];

it.each(delays)('not taken yet at %s (%j): waits, and arrives once', async (step, behaviour) => {
  server.plan(step, behaviour);
  const { id, address } = await queue('invitation'); // of a kind that is never repeated in doubt
  startSender();
  await until(async () => (await rowOf(id)).attempts === 1);
  expect(await rowOf(id)).toMatchObject({ state: 'queued', reason: expect.any(String) });
  expect(await ended(id)).toMatchObject({ attempts: 2 });
  expect(server.to(address)).toHaveLength(1);
});

describe.each<[Behaviour, number]>([
  ['lose answer', 1],
  ['stall', 0],
  ['drop', 0],
])('the answer to the content is lost (%s)', (behaviour, copies) => {
  it('a mail that people wait for is sent again under the same Message-ID', async () => {
    server.plan('content', behaviour);
    const { id, address } = await queue('reset_password');
    startSender();
    expect(await ended(id)).toMatchObject({ attempts: 2, repeats_left: 1 });
    const got = server.to(address);
    expect(got).toHaveLength(copies + 1);
    expect(new Set(got.map(({ messageId }) => messageId)).size).toBe(1);
  });

  it('one that would be a nuisance twice is not', async () => {
    server.plan('content', behaviour);
    const { id, address } = await queue('invitation');
    startSender();
    expect(await ended(id, 'unsure')).toMatchObject({ attempts: 1 });
    expect(server.to(address)).toHaveLength(copies);
  });
});

it('a server that never answers gets at most three copies', async () => {
  server.plan('content', 'lose answer', 'lose answer', 'lose answer', 'lose answer');
  const { id, address } = await queue('verify_email');
  startSender();
  await ended(id, 'unsure');
  expect(server.to(address)).toHaveLength(3);
});

it('waits for a mail server that is away, and for domains that cannot be asked', async () => {
  await server.stop();
  const { id, address } = await queue('verify_email');
  startSender();
  await until(async () => /ECONNREFUSED|ESOCKET/.test((await rowOf(id)).reason ?? ''));
  await server.startAgain();
  await ended(id);
  answers.link = () => Promise.reject(Unavailable());
  const second = await queue('verify_email');
  await until(async () => (await rowOf(second.id)).reason === 'content: unavailable unavailable');
  answers.link = undefined;
  await ended(second.id);
  expect([server.to(address).length, server.to(second.address).length]).toEqual([1, 1]);
});

it('drops a mail that nobody needs any more, and says why', async () => {
  answers.link = () => Promise.reject(NoLink());
  const { id } = await queue('reset_password');
  startSender();
  expect(await ended(id, 'dropped')).toMatchObject({ reason: 'auth.no_link' });
});

it('gives up after three days', async () => {
  server.plan('rcpt', { code: 450, text: 'later' });
  const { id } = await queue('verify_email');
  await data.admin(`UPDATE mails SET created_at = now() - interval '4 days' WHERE id = $1`, [id]);
  startSender();
  expect(await ended(id, 'failed')).toMatchObject({ reason: expect.stringMatching(/given up after 1 attempts: .*later/) });
});

it('what somebody does not want is not sent, and one link says so for its kind alone', async () => {
  const { wishes } = startSender();
  const userId = randomUUID();
  const token = await wishes.tokenFor(`user:${userId}`, 'invitation_accepted');
  expect(await wishes.unsubscribe(token)).toEqual({ kind: 'invitation_accepted' });
  expect(await wishes.isWanted(`user:${userId}`, 'invitation_accepted')).toBe(false);
  expect((await wishes.preferences(userId)).preferences.filter(({ is_on }) => !is_on)).toEqual([
    { kind: 'invitation_accepted', is_on: false, can_change: true },
  ]);
  for (const forged of [token.replace(/.$/, ''), `${token}x`, token.replace('.', 'A.'), '.', '', 'a.b', token.split('.')[0]!]) {
    await expect(wishes.unsubscribe(forged)).rejects.toMatchObject({ code: 'notification.unsubscribe_link_invalid' });
  }
  await data.admin('UPDATE mails SET user_id = NULL');
  const { id, address } = await queue('invitation');
  await ended(id);
  const [, link] = /unsubscribe#(\S+)/.exec(server.to(address)[0]!.text!)!;
  await wishes.unsubscribe(link!);
  answers.address = address.toUpperCase();
  const again = await queue('invitation');
  expect(await ended(again.id, 'dropped')).toMatchObject({ reason: 'not wanted' });
});

it.each([
  'Ada"; DROP TABLE mails; --',
  'Ada\r\nBcc: everybody@example.com\r\n\r\nBuy now',
  '<script>alert(1)</script><a href="https://evil.example">free money</a>',
  'Visit https://evil.example now! www.evil.example',
  'x'.repeat(255),
  '👩‍👩‍👧‍👦'.repeat(60),
  '\u202Egnp.exe\u0000\uD800',
  '{{url}} {{{constructor}}}',
  '',
])('a hostile name stays a name: %j', async (name) => {
  answers.name = name;
  const { id, address } = await queue('invitation');
  startSender();
  await ended(id);
  const [mail] = server.to(address);
  expect(mail!.envelope.to).toEqual([address]);
  expect([mail!.bcc, mail!.cc]).toEqual([undefined, undefined]);
  expect(mail!.subject).not.toMatch(/[\r\n\0\u202E]/);
  expect(mail!.subject!.length).toBeLessThan(200);
  expect(String(mail!.html)).not.toMatch(/<script|<a href="https:\/\/evil/);
  for (const form of [mail!.subject!, mail!.text!, String(mail!.html)]) expect(form).not.toMatch(/:\/\/evil|evil\.example/);
  expect(mail!.text).toContain('https://chat.example/accept-invitation/t');
});

function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe('several processes', () => {
  it('one of them sends, each mail once; another takes over', async () => {
    const other = await data.connect();
    const mails = await Promise.all(Array.from({ length: 30 }, () => queue('invitation')));
    const first = startSender();
    startSender({ database: other.database });
    await Promise.all(mails.slice(0, 5).map(({ id }) => ended(id)));
    await first.sender.beforeApplicationShutdown();
    senders.splice(0, 1);
    for (const { id } of mails) await ended(id);
    expect(mails.map(({ address }) => server.to(address).length)).toEqual(mails.map(() => 1));
  });

  it('only one that is at work sends', async () => {
    let isAtWork = false;
    startSender({ isAtWork: () => isAtWork });
    const { id } = await queue('verify_email');
    const other = await data.connect();
    const { sender } = startSender({ database: other.database });
    await ended(id);
    await sender.beforeApplicationShutdown();
    senders.pop();
    const second = await queue('verify_email');
    isAtWork = true;
    await ended(second.id);
  });

  it('a holder that was frozen while it connected sends nothing after another has taken over', async () => {
    const other = await data.connect();
    const { id, address } = await queue('invitation');
    const [entered, thawed] = [gate(), gate()];
    const smtp = new SmtpTransport(server.url);
    const outcome = new Promise<Outcome>((resolve) => {
      const deliver: Transport['deliver'] = async (delivery) => {
        entered.open();
        await thawed.opened;
        const result = await smtp.deliver(delivery);
        resolve(result);
        return result;
      };
      startSender({ transport: { deliver } });
    });
    await entered.opened;
    // As if its renewals had stopped.
    await data.admin(`UPDATE leases SET until = '-infinity', owner = $1 WHERE job = 'mail'`, [randomUUID()]);
    startSender({ database: other.database });
    await ended(id);
    thawed.open();
    expect(await outcome).toMatchObject({ kind: 'not_now' });
    expect(server.to(address)).toHaveLength(1);
    expect(await rowOf(id)).toMatchObject({ state: 'sent', attempts: 1 });
  });
});

it('what a process had begun when it was killed is sent again or given up, as its row says', async () => {
  const [wanted, nuisance, untouched] = [await queue('reset_password'), await queue('invitation'), await queue('invitation')];
  await data.admin(`UPDATE mails SET state = 'sending', epoch = 0 WHERE id = ANY ($1)`, [[wanted.id, nuisance.id]]);
  startSender();
  expect(await ended(wanted.id)).toMatchObject({ attempts: 2, repeats_left: 1 });
  expect(await ended(nuisance.id, 'unsure')).toMatchObject({ attempts: 1, reason: expect.stringContaining('process ended') });
  await ended(untouched.id);
  expect([wanted, nuisance, untouched].map(({ address }) => server.to(address).length)).toEqual([1, 0, 1]);
});

it('without a mail server a mail is a file that its owner can read, one for each mail', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-mail-'));
  const told: unknown[] = [];
  const { id, subject } = await queue('verify_email');
  startSender({ transport: new FolderTransport(join(folder, 'mail'), (...what) => told.push(what)) });
  await ended(id);
  const [file, ...more] = await readdir(join(folder, 'mail'));
  expect(more).toEqual([]);
  const path = join(folder, 'mail', file!);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, 'utf8')).toContain(`Message-ID: <${id}@chat.example>`);
  expect(told).toEqual([[path, `https://chat.example/account/verify_email#token-of-${subject}`]]);
  await rm(folder, { recursive: true });
});
