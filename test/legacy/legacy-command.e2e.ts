import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { variants } from '@banyan/migration/prepare/kinds';
import type { LegacyReport } from '@banyan/migration/prepare/check';
import type { Client } from 'pg';
import request from 'supertest';
import { startTestServer, type TestServer } from '../support/banyan';
import { banyan, type Said } from '../support/cli';
import { envelope, freshAccount, register, signIn } from '../support/people';
import { type LegacyDatabase, makeLegacyDatabase, processId } from './legacy-database';

let legacy: LegacyDatabase;
let client: Client;

/** The schema as SQL. Recent versions of pg_dump frame it with a random key. */
function dump(): string {
  const debian = '/usr/lib/postgresql/15/bin/pg_dump';
  const sql = execFileSync(existsSync(debian) ? debian : 'pg_dump', ['--schema-only', legacy.url], { encoding: 'utf8' });
  return sql.replace(/^\\(un)?restrict .*$/gm, '');
}

async function insert(table: string, row: Record<string, unknown>): Promise<string> {
  const all = { id: randomUUID(), ...row };
  const names = Object.keys(all);
  const values = names.map((_, i) => `$${i + 1}`).join(', ');
  await client.query(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${values})`, Object.values(all));
  return all.id;
}
const user = (row: Record<string, unknown> = {}) =>
  insert('users', {
    email: `${randomUUID()}@example.com`,
    username: randomUUID(),
    password_hash: `$2b$12$${'a'.repeat(53)}`,
    public_keys: '[]',
    role: 'user',
    is_active: true,
    is_verified: false,
    created_at: '2026-01-01',
    ...row,
  });

describe.each(variants)('banyan legacy on the %s variant', (variant) => {
  let server: TestServer;
  const run = (...args: string[]): Promise<Said> => banyan({ ...server.environment, LEGACY_DATABASE_URL: legacy.url }, ...args);
  const ok = async (...args: string[]) => {
    const said = await run(...args);
    expect(said).toMatchObject({ code: 0, err: '' });
    return said.out;
  };

  beforeAll(async () => {
    legacy = await makeLegacyDatabase(variant);
    client = await legacy.connect();
    server = await startTestServer({ environment: { LEGACY_DATABASE_URL: legacy.url } });
  });
  afterAll(async () => {
    await server.close();
    await legacy.drop();
  });

  it('check: names what is there, what is odd, and changes nothing', async () => {
    const before = dump();
    const ada = await user({ email: 'Ada@example.com', is_active: null, created_at: null });
    const twin = await user({ email: 'ada@example.com', public_keys: '[{"key_data": 7}, null]' });
    const broken = await user({ password_hash: 'md5:123', public_keys: String.raw`[{"key_data": "a\u0000b"}]` });
    const wrapped = await user({ public_keys: String.raw`[{"key_data": "QUJD\nREVG"}]` });
    const none = await insert('messages', {
      sender_id: ada,
      recipient_id: ada,
      encrypted_content: 'None',
      encrypted_session_key: 'k',
      created_at: '2026-01-01',
    });
    const contact = await insert('contacts', { user_id: ada, contact_id: ada, created_at: '2026-01-01' });
    const group = await insert('groups', { name: 'g', admin_id: ada });
    const members = [
      await insert('group_members', { group_id: group, user_id: twin }),
      await insert('group_members', { group_id: group, user_id: twin }),
    ].sort();

    const report = JSON.parse(await ok('legacy', 'check', '--json')) as LegacyReport;
    expect(report).toMatchObject({
      variant,
      prepared: 'no',
      obstacles: [],
      counts: { users: 4, messages: 1, contacts: 1, groups: 1, group_members: 2 },
    });
    expect(report.server_version).toMatch(/^15\./);
    const examples = Object.fromEntries(report.oddities.map((oddity) => [oddity.name, [...oddity.examples].sort()]));
    expect(examples).toEqual({
      emails_differ_in_case: [ada, twin].sort(),
      passwords_not_bcrypt: [broken],
      public_keys_not_text: [twin],
      public_keys_wrapped: [wrapped],
      public_keys_unfit_for_jsonb: [broken],
      contacts_with_oneself: [contact],
      messages_to_oneself: [none],
      messages_content_none: [none],
      members_repeated: members,
      owners_not_members: [group],
      users_is_active_null: [ada],
      users_created_at_null: [ada],
      messages_is_read_null: [none],
      messages_is_deleted_null: [none],
      messages_has_media_null: [none],
      messages_signatures_null: [none],
      groups_created_at_null: [group],
      groups_is_encrypted_null: [group],
      group_members_role_null: members,
      group_members_joined_at_null: members,
      group_members_is_muted_null: members,
    });
    expect(await ok('legacy', 'check')).toContain('Nothing is in the way');
    expect(dump()).toBe(before);
    await client.query('TRUNCATE users CASCADE');
  });

  it('prepare: adds schemas and indexes, twice the same, and remove takes everything away', async () => {
    const before = dump();
    const planned = await ok('legacy', 'prepare', '--dry-run');
    expect(planned).toMatch(/CREATE VIEW banyan_message\.messages[^]*CREATE TABLE banyan_message\.deliveries/);
    expect(dump()).toBe(before);

    await ok('legacy', 'prepare');
    const prepared = dump();
    expect(prepared).not.toBe(before);
    expect(await ok('legacy', 'prepare')).toContain('nothing had to be done');
    expect(await ok('legacy', 'prepare', '--dry-run')).toContain('Nothing to do');
    expect(dump()).toBe(prepared);
    expect(JSON.parse(await ok('legacy', 'check', '--json'))).toMatchObject({ prepared: 'yes' });

    await ok('legacy', 'remove');
    expect(dump()).toBe(before);
    await ok('legacy', 'remove');
    expect(dump()).toBe(before);
  });

  it('is refused with what is in the way, at each step, until it works and is taken back', async () => {
    const before = dump();
    expect(await run('data', '--legacy')).toMatchObject({
      code: 1,
      err: expect.stringContaining('not prepared for auth: run banyan legacy prepare'),
    });
    // Nobody has decided where it would be, so it is nowhere.
    const refused = await request(server.url).post('/api/v1/auth/register').send(freshAccount()).expect(503);
    expect(refused.body).toMatchObject({ code: 'unavailable' });

    const another = await startTestServer({ environment: { ...server.environment } });
    await ok('legacy', 'prepare');
    expect(await ok('data')).toMatch(/identity +none/);
    expect(JSON.parse(await ok('data', '--legacy', '--why', 'canary', '--json'))).toMatchObject({ changed: true, following: 2, live: 2 });
    const [ada, ben] = [await register(server.url, 'ada'), await register(server.url, 'ben')];
    await ada.post('/relay/send', envelope(ben)).expect(200);
    await signIn(another.url, ben);
    await another.stop();
    expect((await client.query('SELECT id FROM public.messages')).rowCount).toBe(1);
    expect(JSON.parse(await ok('events', 'dead', '--json'))).toEqual([]);

    expect(await run('legacy', 'remove')).toMatchObject({
      code: 1,
      err: expect.stringContaining('identity, social, messaging, groups, media is at home in the legacy database'),
    });
    expect(await run('data', '--none')).toMatchObject({ code: 1, err: expect.stringContaining('New code is at work for auth') });
    await server.stop();
    await ok('data', '--none');
    expect(await run('data', 'identity', '--own')).toMatchObject({ code: 1, err: expect.stringContaining('rows in public.users') });
    expect(await run('legacy', 'remove')).toMatchObject({ code: 1, err: expect.stringContaining('banyan_message.deliveries has rows') });
    await ok('legacy', 'remove', '--force');
    expect(dump()).toBe(before);
  });
});

describe('banyan legacy', () => {
  beforeEach(async () => {
    legacy = await makeLegacyDatabase('text');
    client = await legacy.connect();
  });
  afterEach(() => legacy.drop());
  const run = (...args: string[]) => banyan({ LEGACY_DATABASE_URL: legacy.url }, ...args);

  it('needs the address of the legacy database', async () => {
    for (const command of ['check', 'prepare', 'remove']) {
      expect(await banyan({}, 'legacy', command)).toMatchObject({
        code: 1,
        err: expect.stringContaining('LEGACY_DATABASE_URL is not set'),
      });
    }
  });

  it('check: finds what is in the way, and says so with status 3', async () => {
    await client.query('DROP TABLE group_read_receipts; ALTER TABLE users DROP COLUMN bio');
    const said = await run('legacy', 'check', '--json');
    expect(said.code).toBe(3);
    expect(JSON.parse(said.out)).toMatchObject({
      variant: null,
      obstacles: expect.arrayContaining([expect.stringContaining('group_read_receipts is missing'), 'column public.users.bio is missing']),
    });
    expect(await run('legacy', 'prepare')).toMatchObject({ code: 1, err: expect.stringContaining('column public.users.bio is missing') });
  });

  it('prepare: goes on beside a writer, who is not held up, and beside whoever alters a table, when he is done', async () => {
    const writer = await legacy.connect();
    const altering = await legacy.connect();
    await altering.query('BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE');
    const preparing = run('legacy', 'prepare');
    const by = await processId(altering);
    // It waits for the lock again and again, and whoever comes behind it waits no longer than one of its attempts.
    await blockedTwice(by);
    await altering.query('COMMIT');
    await writer.query(
      `INSERT INTO users (id, email, username, password_hash, public_keys) VALUES (gen_random_uuid(), 'a@example.com', 'a', 'x', '[]')`,
    );
    expect(await preparing).toMatchObject({ code: 0 });
    expect((await client.query(`SELECT FROM banyan_auth.users`)).rowCount).toBe(1);
  });

  /** Two attempts that waited, which is one that gave up between them. */
  async function blockedTwice(by: number): Promise<void> {
    const attempts = new Set<string>();
    while (attempts.size < 2) {
      const { rows } = await client.query<{ began: string }>(
        `SELECT xact_start::text AS began FROM pg_stat_activity WHERE datname = current_database() AND $1 = ANY (pg_blocking_pids(pid))`,
        [by],
      );
      for (const { began } of rows) attempts.add(began);
    }
  }

  it('one at a time', async () => {
    const holder = await legacy.connect();
    await holder.query(`SELECT pg_advisory_lock(hashtextextended('banyan legacy home', 0))`);
    expect(await run('legacy', 'prepare')).toMatchObject({ code: 1, err: expect.stringContaining('Another preparation') });
  });
});
