import { randomUUID } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import request from 'supertest';
import { startTestServer, type TestServer } from '../support/banyan';
import { banyan } from '../support/cli';
import { MailServer } from '../support/mail-server';
import { type Person, register } from '../support/people';
import { ServerProcess } from '../support/server-process';
import { until } from '../support/until';
import { shipped } from '@banyan/notification/templates/shipped';

let server: TestServer;
let mails: MailServer;
let admin: Person;
let ada: Person;

async function makeAdmin(person: Person): Promise<void> {
  const client = new Client({ connectionString: server.environment['AUTH_DATABASE_URL'] });
  await client.connect();
  await client.query(`UPDATE banyan_auth.users SET role = 'admin' WHERE id = $1`, [person.id]);
  await client.end();
}

beforeAll(async () => {
  mails = await MailServer.start();
  server = await startTestServer({
    twice: true,
    environment: { SMTP_URL: mails.url, MAIL_FROM: 'Example Chat <noreply@chat.example>', PUBLIC_URL: 'https://chat.example' },
  });
  admin = await register(server.url, 'root');
  await makeAdmin(admin);
  ada = await register(server.url, 'ada');
});

afterAll(async () => {
  await server?.close();
  await mails?.stop();
});

describe('templates', () => {
  it('are for admins', async () => {
    await ada.get('/notifications/templates').expect(403);
    await ada.put('/notifications/templates/invitation', shipped.invitation).expect(403);
    await ada.post('/notifications/templates/invitation/test').expect(403);
    await ada.get('/notifications/mails').expect(403);
  });

  it('begin as those that are shipped, get versions, and go back', async () => {
    const { body } = await admin.get('/notifications/templates').expect(200);
    expect(body.templates).toHaveLength(6);
    expect(body.templates[0]).toMatchObject({ kind: 'verify_email', version: 0, created_by: null, ...shipped.verify_email });
    const mine = { ...shipped.verify_email, subject: 'Welcome, {{name}}' };
    const { body: first } = await admin.put('/notifications/templates/verify_email', mine).expect(200);
    expect(first).toMatchObject({ version: 1, created_by: admin.id, subject: mine.subject });
    // Saved again, it is the same version; on top of what somebody else has saved, it is refused.
    expect((await admin.put('/notifications/templates/verify_email', mine).expect(200)).body).toMatchObject({ version: 1 });
    const other = { ...mine, subject: 'Hi {{name}}', expected_version: 0 };
    expect((await admin.put('/notifications/templates/verify_email', other).expect(409)).body).toMatchObject({
      code: 'notification.template_moved',
      version: 1,
    });
    const ben = await register(server.url, 'ben');
    expect((await mails.mailTo(ben.email)).subject).toMatch(/^Welcome, ben-/);
    await admin.post('/notifications/templates/verify_email/restore', { version: 7 }).expect(404);
    await admin.post('/notifications/templates/verify_email/restore', { version: 0 }).expect(200);
    const { body: all } = await admin.get('/notifications/templates/verify_email').expect(200);
    expect(all.versions.map(({ version, subject }: { version: number; subject: string }) => [version, subject])).toEqual([
      [2, shipped.verify_email.subject],
      [1, mine.subject],
      [0, shipped.verify_email.subject],
    ]);
  });

  it('of two admins who save at once one wins, the other is told', async () => {
    const save = (subject: string) =>
      admin.put('/notifications/templates/session_revoked', { ...shipped.session_revoked, subject, expected_version: 0 });
    const statuses = (await Promise.all(['a', 'b', 'c', 'd'].map(save))).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 409, 409, 409]);
  });

  it('that are broken are refused with every fault, and change nothing', async () => {
    const broken = { subject: '{{nobody}}', text: 'no link', html: '{{{inviter_name}}} {{#each url}}{{/each}}' };
    const { body } = await admin.put('/notifications/templates/invitation', broken).expect(400);
    expect(body).toMatchObject({ code: 'notification.template_broken', detail: expect.any(String) });
    expect(new Set(body.faults.map(({ part }: { part: string }) => part))).toEqual(new Set(['subject', 'text', 'html']));
    await admin.post('/notifications/templates/invitation/preview', { html: '<script>{{url}}</script>' }).expect(400);
    await admin.put('/notifications/templates/invitation', { ...shipped.invitation, text: 'x'.repeat(20_001) }).expect(422);
    await admin.put('/notifications/templates/nothing', shipped.invitation).expect(422);
    const { body: still } = await admin.get('/notifications/templates/invitation').expect(200);
    expect(still.versions).toHaveLength(1);
  });

  it('can be looked at, and mailed to oneself, once for each asking', async () => {
    const { body } = await admin.post('/notifications/templates/invitation/preview', { subject: '{{inviter_name}} & co' }).expect(200);
    expect(body).toMatchObject({ subject: 'Ada Lovelace & co', text: expect.stringContaining('Example Chat') });
    const ask = () => admin.post('/notifications/templates/invitation/test').set('Idempotency-Key', 'a-test');
    const { body: asked } = await ask().expect(200);
    await ask().expect(200, asked);
    const mail = await mails.mailTo(admin.email, ({ subject }) => subject === 'Ada Lovelace invited you to Example Chat');
    expect(mail.messageId).toBe(`<${asked.notification_id}@chat.example>`);
    expect(mails.to(admin.email).filter(({ subject }) => subject?.includes('invited'))).toHaveLength(1);
    const { body: mine } = await admin.get('/notifications').expect(200);
    expect(mine.notifications.map(({ kind }: { kind: string }) => kind)).toEqual(['verify_email']);
  });
});

it('admins see what became of mails, page by page', async () => {
  mails.plan('rcpt', { code: 550, text: '5.1.1 no such user' });
  const gone = await register(server.url, 'gone');
  let bounced: { address: string; reason: string }[] = [];
  while (bounced.length === 0) bounced = (await admin.get('/notifications/mails?state=bounced').expect(200)).body.mails;
  expect(bounced).toEqual([expect.objectContaining({ address: gone.email, reason: expect.stringContaining('no such user'), attempts: 1 })]);
  const seen: string[] = [];
  for (let cursor = ''; ;) {
    const { body } = await admin.get(`/notifications/mails?limit=2${cursor && `&cursor=${cursor}`}`).expect(200);
    seen.push(...body.mails.map(({ id }: { id: string }) => id));
    if (!body.next_cursor) break;
    cursor = body.next_cursor;
  }
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen).toEqual([...seen].sort().reverse());
  await admin.get('/notifications/mails?state=lost').expect(422);
});

it('what somebody gets is his to see and to choose, and nobody else’s', async () => {
  await request(server.url).get('/api/v1/notifications').expect(403);
  await request(server.url).get('/api/v1/notifications/preferences').expect(403);
  const { body } = await ada.put('/notifications/preferences', { kind: 'invitation', is_on: false }).expect(200);
  expect(body.preferences).toEqual([
    { kind: 'verify_email', is_on: true, can_change: false },
    { kind: 'reset_password', is_on: true, can_change: false },
    { kind: 'password_changed', is_on: true, can_change: false },
    { kind: 'session_revoked', is_on: true, can_change: false },
    { kind: 'invitation', is_on: false, can_change: true },
    { kind: 'invitation_accepted', is_on: true, can_change: true },
  ]);
  expect((await admin.get('/notifications/preferences').expect(200)).body.preferences).toContainEqual({
    kind: 'invitation',
    is_on: true,
    can_change: true,
  });
  await admin.post('/invitations/send', { inviter_email: admin.email, invitee_email: ada.email }).expect(200);
  let dropped: object[] = [];
  while (dropped.length === 0) dropped = (await admin.get('/notifications/mails?state=dropped').expect(200)).body.mails;
  expect(dropped).toEqual([expect.objectContaining({ kind: 'invitation', reason: 'not wanted' })]);
  await ada.put('/notifications/preferences', { kind: 'invitation', is_on: true }).expect(200);
  await ada.put(`/notifications/${randomUUID()}/read`).expect(404);
  await ada.put('/notifications/x/read').expect(422);
});

it.each(['', 'x', 'a.b', '%00', 'x'.repeat(401), '....'])('an unsubscribe link that was not made here is refused: %j', async (token) => {
  const { status, body } = await request(server.url).post('/api/v1/notifications/unsubscribe').send({ token });
  expect([400, 422]).toContain(status);
  expect(typeof body.detail).toBe('string');
});

it('a removed user leaves no mail, no wish, and gets nothing more', async () => {
  const eve = await register(server.url, 'eve');
  await mails.mailTo(eve.email);
  await eve.put('/notifications/preferences', { kind: 'invitation_accepted', is_on: false }).expect(200);
  await eve.post('/invitations/send', { inviter_email: eve.email, invitee_email: `${randomUUID()}@example.com` }).expect(200);
  await admin.delete(`/admin/remove-contact/${admin.id}/${eve.id}`).expect(200);
  const client = new Client({ connectionString: server.environment['NOTIFICATION_DATABASE_URL'] });
  await client.connect();
  try {
    const { rows } = await client.query(
      `SELECT (SELECT count(*) FROM banyan_notification.mails WHERE user_id = $1 OR caused_by = $1)::int AS mails,
              (SELECT count(*) FROM banyan_notification.preferences WHERE subject LIKE '%' || $1)::int AS wishes`,
      [eve.id],
    );
    expect(rows).toEqual([{ mails: 0, wishes: 0 }]);
  } finally {
    await client.end();
  }
});

describe('the pages under /account/', () => {
  it.each(['verify-email', 'reset-password', 'unsubscribe'])(
    '%s allows nothing but itself, and tells its address to nobody',
    async (page) => {
      const answer = await request(server.url).get(`/account/${page}`).expect(200);
      expect(answer.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': expect.stringMatching(
          /^default-src 'none'; script-src 'self'; style-src 'self'; .*frame-ancestors 'none'$/,
        ),
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
      // What the policy would block is not there: no script or style inside the page.
      expect(answer.text).not.toMatch(/<script>|<style|\sstyle=|\son\w+=/);
      expect(answer.text).toContain('<html lang="en">');
      const posts = [...answer.text.matchAll(/action="([^"]+)"/g)].map(([, path]) => path!);
      expect(posts.length).toBeGreaterThan(0);
      // Each leads to an operation: without a body it is a 422, not a 404.
      for (const path of posts) expect((await request(server.url).post(path).send({})).status).toBe(422);
      await request(server.url).head(`/account/${page}`).expect(200);
    },
  );

  it('share one script and one style', async () => {
    await request(server.url).get('/account/script.js').expect(200).expect('content-type', 'text/javascript; charset=utf-8');
    await request(server.url).get('/account/style.css').expect(200).expect('content-type', 'text/css; charset=utf-8');
    await request(server.url).get('/account/other').expect(404);
  });
});

it('without a mail server: files for the owner alone, and banyan mail last shows the newest', async () => {
  const alone = await startTestServer();
  try {
    const zoe = await register(alone.url, 'zoë');
    const folder = join(alone.environment['DATA_DIR']!, 'mail');
    let files: string[] = [];
    while (files.length === 0) files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.eml'));
    expect((await stat(join(folder, files[0]!))).mode & 0o077).toBe(0);
    const { out } = await banyan(alone.environment, 'mail', 'last', zoe.email.toUpperCase());
    expect(out).toContain('Subject: Confirm your e-mail address\n');
    expect(out).toMatch(/\/account\/verify-email#\S{20,}\n/);
    expect(out).toMatch(/Hello zoë-.*,\n/);
    expect(out).toMatch(/\nverify_email: sent \(.* UTC\), 1 attempt\n$/);
    const nobody = await banyan(alone.environment, 'mail', 'last', 'nobody@example.com');
    expect(nobody).toMatchObject({ code: 1, err: 'No mail to nobody@example.com is known.\n' });
  } finally {
    await alone.close();
  }
});

it('with everything embedded the link stands in the log, too; beside servers of one’s own none does', async () => {
  const link = /http:\/\/localhost:\d+\/account\/verify-email#[\w-]{20,}/;
  const embedded = await ServerProcess.start({ LOG_LEVEL: 'info' });
  const other = await ServerProcess.start({ ...server.environment, LOG_LEVEL: 'trace' });
  try {
    await register(embedded.url);
    await until(async () => embedded.output.includes('"mail ended"'));
    expect(embedded.output).toMatch(link);
    const mia = await register(other.url, 'mia');
    const mail = await mails.mailTo(mia.email);
    const [, token] = /verify-email#(\S+)/.exec(mail.text!)!;
    expect(token!.length).toBeGreaterThan(20);
    expect(other.output).not.toContain(token);
    expect(other.output).not.toContain(mia.email);
  } finally {
    await embedded.remove();
    await other.remove();
  }
});
