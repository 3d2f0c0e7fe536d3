import { domainNames } from '@banyan/domains';
import type { Variant } from '@banyan/migration/prepare/kinds';
import { Client } from 'pg';
import request from 'supertest';
import { Deployment } from '../support/deployment';
import { envelope, freshAccount, PASSWORD, type Person, register, signIn } from '../support/people';
import { startPlacedOnLegacy } from '../support/placements';
import { until } from '../support/until';

interface Place {
  readonly deployment: Deployment;
  /** SQL in a database of a domain, past everything under test. */
  query<Row = Record<string, unknown>>(of: 'auth' | 'user' | 'message', text: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

const each = <T>(value: T) => Object.fromEntries(domainNames.map((domain) => [domain, value]));

async function opened(deployment: Deployment, urlOf: (of: string) => string, close: () => Promise<unknown>): Promise<Place> {
  const clients = new Map<string, Client>();
  return {
    deployment,
    query: async (of, text, values = []) => {
      const url = urlOf(of);
      const client = clients.get(url) ?? new Client(url);
      if (!clients.has(url)) {
        clients.set(url, client);
        await client.connect();
      }
      return (await client.query(text, values)).rows as never;
    },
    close: async () => {
      for (const client of clients.values()) await client.end();
      await close();
    },
  };
}

async function onOwn(remote: number): Promise<Place> {
  const deployment = await Deployment.start({ hosts: 2, remote: each(remote), workers: remote > 0 ? each(1) : {} });
  return opened(
    deployment,
    (of) => deployment.databaseUrl(`${of}_db` as never),
    () => deployment.remove(),
  );
}

async function onLegacy(variant: Variant): Promise<Place> {
  const started = await startPlacedOnLegacy(variant);
  return opened(
    started.deployment,
    () => started.legacy.url,
    () => started.close(),
  );
}

describe.each<[string, () => Promise<Place>]>([
  ['in two hosts', () => onOwn(0)],
  ['in services', () => onOwn(1)],
  ['in services, on the legacy database (text)', () => onLegacy('text')],
  ['in services, on the legacy database (bytea)', () => onLegacy('bytea')],
])('removing an account, %s', (_name, start) => {
  let place: Place;
  let url: string;
  let root: Person;
  let other: Person;
  beforeAll(async () => {
    place = await start();
    ({ url } = place.deployment);
    [root, other] = await Promise.all([register(url, 'root'), register(url, 'other')]);
    await place.query('auth', `UPDATE banyan_auth.users SET role = 'admin' WHERE id = $1`, [root.id]);
    root = await until(async () => {
      const again = await signIn(url, root);
      return (await again.get('/auth/me')).body.role === 'admin' && again;
    });
    await until(
      async () => (await root.delete(`/admin/remove-contact/${root.id}/${other.id.replace(/^.{8}/, '00000000')}`)).status === 404,
    );
  });
  afterAll(() => place?.close());

  const remove = (who: { id: string }, by = root) => by.delete(`/admin/remove-contact/${by.id}/${who.id}`);

  /** Every row of every table of the three databases that names him. */
  async function traces({ id, email, username }: { id: string; email: string; username: string }): Promise<string[]> {
    const found: string[] = [];
    for (const domain of ['auth', 'user', 'message'] as const) {
      const tables = await place.query<{ name: string }>(
        domain,
        `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
         WHERE table_schema IN ('public', 'banyan_auth', 'banyan_user', 'banyan_message') ORDER BY 1`,
      );
      for (const { name } of tables) {
        const rows = await place.query(domain, `SELECT 1 FROM ${name} t WHERE t::text LIKE ANY ($1) LIMIT 1`, [
          [`%${id}%`, `%${email}%`, `%${username}%`],
        ]);
        if (rows.length > 0) found.push(name);
      }
    }
    return [...new Set(found)].sort();
  }
  /** That somebody was removed; events on their way; for a day, under which key somebody else did something with him. */
  const KEPT = /\.(deleted_users|removals|removed_users|purged_users|purged|outbox|published|inbox)$|_(message|user)\.request_keys$/;

  async function withLife(name: string) {
    const account = freshAccount(name);
    const { body } = await request(url)
      .post('/api/v1/auth/register')
      .send({ ...account, full_name: 'To Go' })
      .expect(200);
    const person = await signIn(url, account);
    await person.post('/relay/send', envelope(other)).expect(200);
    await other.post('/relay/send', envelope(person)).expect(200);
    await person
      .post('/messages/send', { sender_id: person.id, recipient_id: other.id, encrypted_content: 'c', encrypted_session_key: 'k' })
      .expect(200);
    await other.post('/contacts/add', { user_id: other.id, contact_id: person.id }).expect(200);
    await person.post('/users/me/key-backup', { encrypted_private_key: 'b64' }).expect(200);
    return { ...person, username: account.username, first: body as { access_token: string; refresh_token: string } };
  }

  it('leaves nothing of his when it answers, and the address is free again', async () => {
    const gone = await withLife('gone');
    await remove(gone).expect(200, {
      status: 'success',
      message: 'User account and all related data removed successfully',
      deleted_email: gone.email,
    });
    expect((await traces(gone)).filter((name) => !KEPT.test(name))).toEqual([]);
    await gone.get('/auth/me').expect(401);
    await request(url).post('/api/v1/auth/refresh').send({ refresh_token: gone.first.refresh_token }).expect(401);
    await request(url).post('/api/v1/auth/login').send({ email: gone.email, password: PASSWORD }).expect(401);
    await other.get(`/users/${gone.id}`).expect(404);
    await other.post('/relay/send', envelope(gone)).expect(404);
    expect(
      (await other.get('/relay/pending').expect(200)).body.messages.filter(
        (message: { sender_id: string }) => message.sender_id === gone.id,
      ),
    ).toEqual([]);
    await remove(gone).expect(404);
    await request(url).post('/api/v1/auth/register').send({ email: gone.email, username: gone.username, password: PASSWORD }).expect(200);
    const [tombstone] = await place.query<{ by: string }>(
      'auth',
      `SELECT deleted_by_admin_id AS by FROM banyan_auth.deleted_users WHERE email = $1`,
      [gone.email],
    );
    expect(tombstone).toEqual({ by: root.id });
  });

  it('a second time, the address is written down again', async () => {
    const account = freshAccount('twice');
    for (let i = 0; i < 2; i++) {
      const { body } = await request(url).post('/api/v1/auth/register').send(account).expect(200);
      await remove({ id: body.user.id as string }).expect(200);
      const rows = await place.query('auth', `SELECT id FROM banyan_auth.deleted_users WHERE email = $1`, [account.email]);
      expect(rows).toEqual([{ id: body.user.id }]);
    }
  });

  it('is for admins, in their own name, and never the last of them', async () => {
    const person = await register(url, 'kept');
    await remove(person, other).expect(403, /Only admins can remove contacts/);
    await root.delete(`/admin/remove-contact/${other.id}/${person.id}`).expect(403, /Only admins can remove contacts/);
    await remove(root).expect(400, /last admin/);
    await root.get('/auth/me').expect(200);
    await person.get('/auth/me').expect(200);
  });

  it('repeated under its key gives the first answer', async () => {
    const { id, email } = await register(url, 'keyed');
    const send = () => remove({ id }).set('Idempotency-Key', `removal-of-${id}`);
    const { body } = await send().expect(200);
    expect(body.deleted_email).toBe(email);
    await send().expect(200, body);
  });

  it('by himself takes his password', async () => {
    const account = freshAccount('myself');
    await request(url).post('/api/v1/auth/register').send(account).expect(200);
    const person = await signIn(url, account);
    const removal = (password: string) => person.delete('/auth/me').send({ password });
    await removal('wrong-horse-1').expect(403);
    await removal(PASSWORD).expect(200, { success: true });
    await person.get('/auth/me').expect(401);
    expect((await traces({ ...person, username: account.username })).filter((name) => !KEPT.test(name))).toEqual([]);
  });

  it('while he sends and is sent to leaves nothing of it', async () => {
    const gone = await withLife('sending');
    let isOver = false;
    const sending = Array.from({ length: 8 }, async (_, i) => {
      while (!isOver) await (i % 2 ? gone.post('/relay/send', envelope(other)) : other.post('/relay/send', envelope(gone)));
    });
    await remove(gone).expect(200);
    isOver = true;
    await Promise.all(sending);
    expect((await traces(gone)).filter((name) => !KEPT.test(name))).toEqual([]);
  });
});

describe('a removal that cannot be finished', () => {
  let place: Place;
  afterEach(() => place?.close());

  it('with a domain away answers 503 in time, lets nobody in, and goes on by itself', async () => {
    place = await onOwn(0);
    const { url } = place.deployment;
    const [root, gone] = [await register(url, 'root'), await register(url, 'gone')];
    await place.query('auth', `UPDATE banyan_auth.users SET role = 'admin' WHERE id = $1`, [root.id]);
    const admin = await signIn(url, root);
    await until(async () => (await admin.delete(`/admin/remove-contact/${admin.id}/${admin.id}`)).status === 400);
    await gone.post('/relay/send', envelope(root)).expect(200);
    const locker = new Client(place.deployment.databaseUrl('message_db'));
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE banyan_message.messages IN ACCESS EXCLUSIVE MODE'); // as good as away
    await admin.delete(`/admin/remove-contact/${admin.id}/${gone.id}`).expect(503).expect('Retry-After', '5');
    await gone.get('/auth/me').expect(401);
    await request(url).post('/api/v1/auth/login').send({ email: gone.email, password: PASSWORD }).expect(401);
    await request(url)
      .post('/api/v1/auth/register')
      .send({ email: gone.email, username: 'x'.repeat(20), password: PASSWORD })
      .expect(400);
    await locker.end();
    await until(
      async () => (await place.query('message', `SELECT 1 FROM banyan_message.messages WHERE sender_id = $1`, [gone.id])).length === 0,
    );
    await until(async () => (await place.query('auth', `SELECT 1 FROM banyan_auth.users WHERE id = $1`, [gone.id])).length === 0);
    const removed = () =>
      place.query('auth', `SELECT 1 FROM banyan_auth.published WHERE name = 'user.removed' AND payload ->> 'user_id' = $1`, [gone.id]);
    const finished = await place.query('auth', `SELECT 1 FROM banyan_auth.removals WHERE user_id = $1 AND finished_at IS NOT NULL`, [
      gone.id,
    ]);
    expect(finished).toHaveLength(1);
    expect((await removed()).length).toBeLessThanOrEqual(1);
  });

  it('because everything was killed midway is finished by whoever comes back', async () => {
    place = await onOwn(0);
    const { deployment } = place;
    const [root, gone] = [await register(deployment.url, 'root'), await register(deployment.url, 'gone')];
    await place.query('auth', `UPDATE banyan_auth.users SET role = 'admin' WHERE id = $1`, [root.id]);
    const admin = await signIn(deployment.url, root);
    await until(async () => (await admin.delete(`/admin/remove-contact/${admin.id}/${admin.id}`)).status === 400);
    await gone.post('/relay/send', envelope(root)).expect(200);
    const locker = new Client(deployment.databaseUrl('message_db'));
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE banyan_message.messages IN ACCESS EXCLUSIVE MODE');
    const answer = admin.delete(`/admin/remove-contact/${admin.id}/${gone.id}`).then(
      () => 'answered',
      () => 'killed',
    );
    await until(async () => (await place.query('auth', `SELECT 1 FROM banyan_auth.removals WHERE user_id = $1`, [gone.id])).length === 1);
    await Promise.all(deployment.hosts.map((host) => host.kill()));
    await answer;
    await locker.end();
    await deployment.hosts[0]!.startAgain();
    await until(async () => (await place.query('auth', `SELECT 1 FROM banyan_auth.users WHERE id = $1`, [gone.id])).length === 0);
    expect(await place.query('message', `SELECT 1 FROM banyan_message.messages WHERE sender_id = $1`, [gone.id])).toEqual([]);
    const again = { email: gone.email, username: gone.email.split('@')[0]!, password: PASSWORD };
    await request(deployment.url).post('/api/v1/auth/register').send(again).expect(200);
  });
});
