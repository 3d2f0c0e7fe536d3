import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { makeLegacyDatabase, type LegacyDatabase } from '../../../../test/legacy/legacy-database';
import { variants } from './kinds';
import { prepareLegacy } from './prepare';

describe.each(variants)('views over legacy tables of the %s variant', (variant) => {
  let database: LegacyDatabase;
  let legacy: Client; // what the legacy application sees
  let auth: Client;
  let user: Client;
  let message: Client;

  beforeAll(async () => {
    database = await makeLegacyDatabase(variant);
    legacy = await database.connect();
    await prepareLegacy(legacy);
    auth = await database.connect({ role: 'banyan_auth' });
    user = await database.connect({ role: 'banyan_user' });
    message = await database.connect({ role: 'banyan_message' });
  });
  afterAll(() => database.drop());

  /** A user as legacy registers one. */
  async function legacyUser(columns: Record<string, unknown> = {}): Promise<string> {
    const id = randomUUID();
    const row = { id, email: `${id}@example.com`, username: id, password_hash: '$2b$12$x', public_keys: '[]', ...columns };
    const names = Object.keys(row);
    await legacy.query(
      `INSERT INTO users (${names.join(', ')}) VALUES (${names.map((_, i) => `$${i + 1}`).join(', ')})`,
      Object.values(row),
    );
    return id;
  }

  async function legacyMessage(columns: Record<string, unknown>): Promise<string> {
    const id = randomUUID();
    const row = { id, encrypted_content: 'content', encrypted_session_key: 'key', ...columns };
    const names = Object.keys(row);
    await legacy.query(
      `INSERT INTO messages (${names.join(', ')}) VALUES (${names.map((_, i) => `$${i + 1}`).join(', ')})`,
      Object.values(row),
    );
    return id;
  }

  async function register(): Promise<string> {
    const id = randomUUID();
    const { rowCount } = await auth.query(
      `INSERT INTO banyan_auth.users (id, email, username, password_hash) VALUES ($1, $2, $1, 'hash') ON CONFLICT DO NOTHING RETURNING id`,
      [id, `${id}@example.com`],
    );
    expect(rowCount).toBe(1);
    return id;
  }

  const one = async (client: Client, sql: string, values: unknown[] = []) => {
    const { rows } = await client.query<Record<string, unknown>>(sql, values);
    expect(rows).toHaveLength(1);
    return rows[0]!;
  };
  const count = async (table: string, column: string, id: string) =>
    Number((await one(legacy, `SELECT count(*) AS n FROM ${table} WHERE ${column} = $1`, [id])).n);

  describe('reading', () => {
    it('fills what legacy left null or empty', async () => {
      const id = await legacyUser({ role: '' });
      expect(
        await one(
          auth,
          `SELECT role, is_active, is_verified, last_seen, created_at::text, updated_at FROM banyan_auth.users WHERE id = $1`,
          [id],
        ),
      ).toEqual({
        role: 'user',
        is_active: true,
        is_verified: false,
        last_seen: null,
        created_at: expect.stringMatching(/^1970-01-01 00:00:00\+00$/),
        updated_at: null,
      });
      expect(
        await one(
          user,
          `SELECT is_active, created_at = timestamptz 'epoch' AS at_epoch, public_keys FROM banyan_user.user_profiles WHERE id = $1`,
          [id],
        ),
      ).toEqual({
        is_active: true,
        at_epoch: true,
        public_keys: [],
      });
    });

    it('reads times as UTC with microseconds, whatever the zone of the session', async () => {
      const id = await legacyUser({ created_at: '2026-01-30 12:57:45.421392' });
      await auth.query(`SET timezone = 'Asia/Kolkata'`);
      expect(
        await one(
          auth,
          `SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') AS at FROM banyan_auth.users WHERE id = $1`,
          [id],
        ),
      ).toEqual({
        at: '2026-01-30T12:57:45.421392',
      });
      await auth.query('RESET timezone');
    });

    it('gives public keys that are keys, whatever else is in the list', async () => {
      const id = await legacyUser({
        public_keys: String.raw`[
          {"key_id": "wrapped", "key_data": "QUJD\nREVG\r\nRw==", "created_at": "2026-01-30 12:57:45.421392", "status": "inactive"},
          {"key_id": "placeholder", "key_data": "cHVia2V5X2FsaWNl"}, {"key_id": "number", "key_data": 7}, {"key_id": "none"}, null, "text", 5, [{"key_data": "nested"}],
          {"key_id": "bad \u0000\ud800", "key_data": "a\u0000b"}, {"key_id": "literal \\u0000", "key_data": "c"}, {"key_id": "huge", "key_data": "d", "n": 1e999999},
          {"key_id": "good", "key_data": "RUVF", "created_at": "2026-01-30T12:57:45", "status": "active"}]`,
      });
      const { public_keys } = await one(user, 'SELECT public_keys FROM banyan_user.user_profiles WHERE id = $1', [id]);
      expect(public_keys).toEqual([
        { key_id: 'wrapped', key_data: 'QUJDREVGRw==', created_at: '2026-01-30T12:57:45.421392', status: 'inactive' },
        { key_id: 'bad \ufffd\ufffd', key_data: 'a\ufffdb' },
        { key_id: 'literal \\u0000', key_data: 'c' },
        { key_id: 'good', key_data: 'RUVF', created_at: '2026-01-30T12:57:45', status: 'active' },
      ]);
    });

    it.each(['null', '{}', '"text"', '7', '[]'])('takes public keys that are %s for none', async (public_keys) => {
      const id = await legacyUser({ public_keys });
      expect((await one(user, 'SELECT public_keys FROM banyan_user.user_profiles WHERE id = $1', [id])).public_keys).toEqual([]);
    });

    it('lists a message with nulls, to oneself, with signatures as their text', async () => {
      const self = await legacyUser();
      const bare = await legacyMessage({ sender_id: self, recipient_id: self });
      const signed = await legacyMessage({ sender_id: self, recipient_id: self, signatures: '[ {"b":1, "a":"\\u0000"} ]' });
      const jsonNull = await legacyMessage({ sender_id: self, recipient_id: self, signatures: 'null' });
      const { rows } = await message.query(
        `SELECT id, encrypted_content, encrypted_session_key, signatures::text, is_read, is_deleted, has_media, created_at = timestamptz 'epoch' AS at_epoch
         FROM banyan_message.messages WHERE least(sender_id, recipient_id) = $1 ORDER BY id`,
        [self],
      );
      const row = {
        encrypted_content: 'content',
        encrypted_session_key: 'key',
        signatures: '[]',
        is_read: false,
        is_deleted: false,
        has_media: false,
        at_epoch: true,
      };
      expect(rows).toEqual(
        [
          { ...row, id: bare },
          { ...row, id: signed, signatures: '[ {"b":1, "a":"\\u0000"} ]' },
          { ...row, id: jsonNull },
        ].sort((a, b) => (a.id < b.id ? -1 : 1)),
      );
    });

    it('reads a million rows of keys and contents under a parallel plan without an error', async () => {
      await legacy.query(`ALTER TABLE users SET (parallel_workers = 2)`);
      await user.query('SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0');
      await expect(
        user.query(`SELECT id, public_keys FROM banyan_user.user_profiles WHERE public_keys::text LIKE '%nobody%'`),
      ).resolves.toMatchObject({ rowCount: 0 });
      await user.query('RESET ALL; SET ROLE banyan_user');
      await legacy.query(`ALTER TABLE users RESET (parallel_workers)`);
    });
  });

  describe('writing', () => {
    it('inserts with the defaults of the own table, and legacy sees what it would have written itself', async () => {
      const [sender, recipient] = [await register(), await register()];
      const id = randomUUID();
      const returned = await one(
        message,
        `INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key) VALUES ($1, $2, $3, 'grüße', 'key')
         ON CONFLICT DO NOTHING RETURNING encrypted_content, crypto_version, encryption_algorithm, kdf_algorithm, signatures::text, is_read, is_deleted, has_media, created_at::text`,
        [id, sender, recipient],
      );
      expect(returned).toMatchObject({
        encrypted_content: 'grüße',
        crypto_version: 'v1',
        encryption_algorithm: 'ECDH-AES256-GCM',
        kdf_algorithm: 'HKDF-SHA256',
        signatures: '[]',
        is_read: false,
        is_deleted: false,
        has_media: false,
      });
      expect((await one(message, 'SELECT created_at::text FROM banyan_message.messages WHERE id = $1', [id])).created_at).toBe(
        returned.created_at,
      );
      const content = variant === 'text' ? 'encrypted_content' : `convert_from(encrypted_content, 'UTF8')`;
      expect(
        await one(
          legacy,
          `SELECT ${content} AS content, is_read, created_at <= clock_timestamp() AT TIME ZONE 'UTC' AS is_utc FROM messages WHERE id = $1`,
          [id],
        ),
      ).toEqual({ content: 'grüße', is_read: false, is_utc: true });
    });

    it('counts a duplicate as nothing, alone and in a batch, by the key and by another unique', async () => {
      const [sender, other] = [await register(), await register()];
      const [first, second] = [randomUUID(), randomUUID()];
      const batch = `
        INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key)
        SELECT id, $2, $2, 'c', 'k' FROM unnest($1::uuid[]) AS new (id) ON CONFLICT DO NOTHING RETURNING id`;
      expect((await message.query(batch, [[first], sender])).rows).toEqual([{ id: first }]);
      expect((await message.query(batch, [[first, second, second], sender])).rows).toEqual([{ id: second }]);
      const contact = `INSERT INTO banyan_user.contacts (id, user_id, contact_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id`;
      expect((await user.query(contact, [randomUUID(), sender, other])).rowCount).toBe(1);
      expect((await user.query(contact, [randomUUID(), sender, other])).rowCount).toBe(0);
    });

    it('writes a message and a side table in one statement', async () => {
      await message.query('CREATE TABLE IF NOT EXISTS banyan_message.deliveries (message_id uuid PRIMARY KEY, recipient_id uuid NOT NULL)');
      const self = await register();
      const id = randomUUID();
      const { rows } = await message.query(
        `WITH stored AS (
           INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key) VALUES ($1, $2, $2, 'c', 'k')
           ON CONFLICT DO NOTHING RETURNING id, recipient_id)
         INSERT INTO banyan_message.deliveries (message_id, recipient_id) SELECT id, recipient_id FROM stored ON CONFLICT DO NOTHING RETURNING message_id`,
        [id, self],
      );
      expect(rows).toEqual([{ message_id: id }]);
    });

    it('writes only the columns that a statement changes: nulls and odd values stay', async () => {
      const odd = String.raw`[{"key_data": "a\u0000b"}, {"key_data": 5}]`;
      const self = await legacyUser({ public_keys: odd, bio: 'old' });
      const id = await legacyMessage({ sender_id: self, recipient_id: self, signatures: null });
      expect((await user.query(`UPDATE banyan_user.user_profiles SET bio = 'new' WHERE id = $1`, [self])).rowCount).toBe(1);
      expect(
        (await message.query(`UPDATE banyan_message.messages SET is_read = true WHERE id = $1 AND NOT is_read RETURNING id`, [id]))
          .rowCount,
      ).toBe(1);
      expect(await one(legacy, 'SELECT bio, public_keys::text, is_active, created_at FROM users WHERE id = $1', [self])).toEqual({
        bio: 'new',
        public_keys: odd,
        is_active: null,
        created_at: null,
      });
      expect(await one(legacy, 'SELECT is_read, is_deleted, signatures, created_at FROM messages WHERE id = $1', [id])).toEqual({
        is_read: true,
        is_deleted: null,
        signatures: null,
        created_at: null,
      });
    });

    it('changes contents, signatures, times and keys', async () => {
      const self = await legacyUser();
      const id = await legacyMessage({ sender_id: self, recipient_id: self });
      await message.query(
        `UPDATE banyan_message.messages SET encrypted_content = 'ä', signatures = '[ 1 ]', updated_at = '2026-02-03 04:05:06.000007+05:30' WHERE id = $1`,
        [id],
      );
      expect(await one(message, `SELECT encrypted_content, signatures::text FROM banyan_message.messages WHERE id = $1`, [id])).toEqual({
        encrypted_content: 'ä',
        signatures: '[ 1 ]',
      });
      expect(await one(legacy, 'SELECT updated_at::text FROM messages WHERE id = $1', [id])).toEqual({
        updated_at: '2026-02-02 22:35:06.000007',
      });
      await user.query(`UPDATE banyan_user.user_profiles SET public_keys = '[{"key_data": "x"}]' WHERE id = $1`, [self]);
      expect(await one(legacy, 'SELECT public_keys FROM users WHERE id = $1', [self])).toEqual({ public_keys: [{ key_data: 'x' }] });
    });

    it('counts the delete of a row that is gone as nothing', async () => {
      const self = await legacyUser();
      const id = await legacyMessage({ sender_id: self, recipient_id: self });
      const remove = `DELETE FROM banyan_message.messages WHERE id = $1 RETURNING id`;
      expect((await message.query(remove, [id])).rows).toEqual([{ id }]);
      expect((await message.query(remove, [id])).rows).toEqual([]);
    });

    it('changes a row once when a join gives it twice', async () => {
      const self = await legacyUser();
      const id = await legacyMessage({ sender_id: self, recipient_id: self });
      const claim = `UPDATE banyan_message.messages m SET is_read = true FROM unnest($1::uuid[]) AS t (id) WHERE m.id = t.id AND NOT m.is_read RETURNING m.id`;
      expect((await message.query(claim, [[id, id]])).rows).toEqual([{ id }]);
      const remove = `DELETE FROM banyan_message.messages m USING unnest($1::uuid[]) AS t (id) WHERE m.id = t.id RETURNING m.id`;
      expect((await message.query(remove, [[id, id]])).rows).toEqual([{ id }]);
    });

    it('refuses to change an id, and what legacy cannot hold', async () => {
      const self = await legacyUser();
      await expect(auth.query('UPDATE banyan_auth.users SET id = $2 WHERE id = $1', [self, randomUUID()])).rejects.toMatchObject({
        code: '0A000',
      });
      await expect(
        user.query('UPDATE banyan_user.user_profiles SET bio = $2 WHERE id = $1', [self, 'x'.repeat(501)]),
      ).rejects.toMatchObject({ code: '22001' });
      await expect(
        user.query('INSERT INTO banyan_user.contacts (id, user_id, contact_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
          randomUUID(),
          self,
          randomUUID(),
        ]),
      ).rejects.toMatchObject({ code: '23503' });
      const other = await legacyUser();
      await expect(auth.query('UPDATE banyan_auth.users SET username = $2 WHERE id = $1', [self, other])).rejects.toMatchObject({
        code: '23505',
      });
    });

    it('copies a table in and out by COPY, as SQL values of its own types', async () => {
      const id = randomUUID();
      await auth.query(
        `INSERT INTO banyan_auth.deleted_users (id, email, username, deleted_at, deleted_by_admin_id) VALUES ($1, $2, 'gone', '2026-01-01T00:00:00.000001Z', NULL)
         ON CONFLICT DO NOTHING`,
        [id, `${id}@example.com`],
      );
      expect(await one(legacy, 'SELECT deleted_at::text FROM deleted_users WHERE id = $1', [id])).toEqual({
        deleted_at: '2026-01-01 00:00:00.000001',
      });
      const token = randomUUID();
      await user.query(
        `INSERT INTO banyan_user.invitations (id, inviter_id, invitee_email, invitation_token, expires_at) VALUES ($1, $2, 'a@example.com', $3, clock_timestamp() + interval '7 days')
         ON CONFLICT DO NOTHING`,
        [randomUUID(), await legacyUser(), token],
      );
      const accept = `UPDATE banyan_user.invitations SET is_accepted = true, accepted_at = clock_timestamp() WHERE invitation_token = $1 AND NOT is_accepted RETURNING id`;
      expect((await user.query(accept, [token])).rowCount).toBe(1);
      expect((await user.query(accept, [token])).rowCount).toBe(0);
    });
  });

  describe('account and profile, two views of one row', () => {
    const profiles = (id: string) =>
      user.query('SELECT full_name, email, public_keys FROM banyan_user.user_profiles WHERE id = $1', [id]).then(({ rows }) => rows);
    const createProfile = (id: string) =>
      user.query(
        `INSERT INTO banyan_user.user_profiles (id, email, username, full_name, public_keys) VALUES ($1, 'ignored', 'ignored', 'Ada', '[{"key_data": "x"}]')
         ON CONFLICT DO NOTHING RETURNING id`,
        [id],
      );

    it('shows a profile once it was inserted, and takes a second insert for a duplicate', async () => {
      const id = await register();
      expect(await profiles(id)).toEqual([]);
      expect((await user.query(`UPDATE banyan_user.user_profiles SET bio = 'x' WHERE id = $1`, [id])).rowCount).toBe(0);
      expect((await createProfile(id)).rowCount).toBe(1);
      expect(await profiles(id)).toEqual([{ full_name: 'Ada', email: `${id}@example.com`, public_keys: [{ key_data: 'x' }] }]);
      expect((await createProfile(id)).rowCount).toBe(0);
      expect((await createProfile(await legacyUser())).rowCount).toBe(0);
      await expect(createProfile(randomUUID())).rejects.toMatchObject({ code: '23503' });
    });

    it('deletes a profile without the account', async () => {
      const id = await register();
      await createProfile(id);
      expect((await user.query('DELETE FROM banyan_user.user_profiles WHERE id = $1', [id])).rowCount).toBe(1);
      expect((await user.query('DELETE FROM banyan_user.user_profiles WHERE id = $1', [id])).rowCount).toBe(0);
      expect(await profiles(id)).toEqual([]);
      expect(await one(legacy, 'SELECT full_name, public_keys, encrypted_private_key FROM users WHERE id = $1', [id])).toEqual({
        full_name: null,
        public_keys: [],
        encrypted_private_key: null,
      });
      expect((await createProfile(id)).rowCount).toBe(1);
    });

    it('ignores writes to the copies of what auth owns', async () => {
      const id = await register();
      await createProfile(id);
      const changed = `UPDATE banyan_user.user_profiles SET email = 'x', username = 'x', is_active = false, created_at = 'epoch', bio = 'y' WHERE id = $1`;
      expect((await user.query(changed, [id])).rowCount).toBe(1);
      expect(
        await one(legacy, `SELECT email, username, is_active, created_at > '2000-01-01' AS is_recent, bio FROM users WHERE id = $1`, [id]),
      ).toEqual({
        email: `${id}@example.com`,
        username: id,
        is_active: true,
        is_recent: true,
        bio: 'y',
      });
    });

    it('removes an account with all that legacy does not cascade', async () => {
      const [gone, stays] = [await legacyUser(), await legacyUser()];
      const [owned, foreign, theirs] = [randomUUID(), randomUUID(), randomUUID()];
      await legacy.query(
        `INSERT INTO groups (id, name, admin_id) VALUES ('${owned}', 'owned', '${gone}'), ('${foreign}', 'foreign', '${stays}')`,
      );
      await legacy.query(
        `INSERT INTO group_members (id, group_id, user_id, added_by) SELECT gen_random_uuid(), g, u, '${gone}'
         FROM unnest(ARRAY['${owned}', '${foreign}']::uuid[]) g, unnest(ARRAY['${gone}', '${stays}']::uuid[]) u`,
      );
      await legacy.query(
        `INSERT INTO group_messages (id, group_id, sender_id, encrypted_content, encrypted_session_key)
         VALUES (gen_random_uuid(), '${owned}', '${stays}', '', ''), (gen_random_uuid(), '${foreign}', '${gone}', '', ''), ('${theirs}', '${foreign}', '${stays}', '', '')`,
      );
      await legacy.query(
        `INSERT INTO group_read_receipts (id, message_id, user_id) SELECT gen_random_uuid(), id, u FROM group_messages, unnest(ARRAY['${gone}', '${stays}']::uuid[]) u`,
      );
      await legacy.query(
        `INSERT INTO invitations (id, inviter_id, invitee_email, invitation_token, expires_at) VALUES (gen_random_uuid(), '${gone}', 'x', '${randomUUID()}', now())`,
      );
      await legacy.query(
        `INSERT INTO contacts (id, user_id, contact_id) VALUES (gen_random_uuid(), '${stays}', '${gone}'), (gen_random_uuid(), '${gone}', '${gone}')`,
      );
      await legacyMessage({ sender_id: stays, recipient_id: gone });

      expect((await auth.query('DELETE FROM banyan_auth.users WHERE id = $1 RETURNING id', [gone])).rows).toEqual([{ id: gone }]);

      expect(await count('users', 'id', gone)).toBe(0);
      expect((await legacy.query('SELECT id FROM group_messages')).rows).toEqual([{ id: theirs }]);
      expect((await legacy.query('SELECT user_id FROM group_read_receipts')).rows).toEqual([{ user_id: stays }]);
      expect((await legacy.query('SELECT group_id, user_id, added_by FROM group_members')).rows).toEqual([
        { group_id: foreign, user_id: stays, added_by: null },
      ]);
      expect(await count('invitations', 'inviter_id', gone)).toBe(0);
      expect(await count('contacts', 'contact_id', gone)).toBe(0);
      expect(await count('messages', 'recipient_id', gone)).toBe(0);
      expect((await auth.query('DELETE FROM banyan_auth.users WHERE id = $1', [gone])).rowCount).toBe(0);
    });

    it('leaves nothing pending behind a removed account', async () => {
      const id = await register();
      expect(await count('banyan_user.profile_pending', 'id', id)).toBe(1);
      await auth.query('DELETE FROM banyan_auth.users WHERE id = $1', [id]);
      expect(await count('banyan_user.profile_pending', 'id', id)).toBe(0);
    });
  });

  describe('indexes', () => {
    it('pages through a conversation along its index, as a generic plan', async () => {
      const [a, b] = [await legacyUser(), await legacyUser()];
      const content = variant === 'text' ? `'c'` : `'c'::bytea`;
      await legacy.query(
        `INSERT INTO messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, created_at)
         SELECT gen_random_uuid(), CASE WHEN n % 2 = 0 THEN $1::uuid ELSE $2::uuid END, CASE WHEN n % 2 = 0 THEN $2::uuid ELSE $1::uuid END, ${content}, ${content},
           timestamp '2026-01-01' + n * interval '1 microsecond' FROM generate_series(1, 2000) n`,
        [a, b],
      );
      await legacy.query('ANALYZE messages');
      const conversation = (rest: string) => `
        SELECT id, created_at, encrypted_content FROM banyan_message.messages
        WHERE least(sender_id, recipient_id) = least($1::uuid, $2::uuid) AND greatest(sender_id, recipient_id) = greatest($1::uuid, $2::uuid) ${rest}`;
      await message.query('SET plan_cache_mode = force_generic_plan');
      await message.query(`PREPARE forward (uuid, uuid) AS ${conversation('ORDER BY created_at, id LIMIT 50')}`);
      await message.query(
        `PREPARE back (uuid, uuid, timestamptz, uuid) AS ${conversation('AND (created_at, id) < ($3, $4) ORDER BY created_at DESC, id DESC LIMIT 50')}`,
      );
      const plan = async (execute: string) =>
        (await message.query<Record<string, string>>(`EXPLAIN ${execute}`)).rows.map((row) => row['QUERY PLAN']).join('\n');
      const forward = await plan(`EXECUTE forward ('${a}', '${b}')`);
      const back = await plan(`EXECUTE back ('${a}', '${b}', '2026-01-01T00:00:00.001000Z', '${a}')`);
      expect(forward).toMatch(/Index Scan using banyan_messages_conversation/);
      expect(back).toMatch(/Index Scan Backward using banyan_messages_conversation/);
      expect(forward + back).not.toMatch(/Sort|Seq Scan/);
      expect(back).toMatch(/Index Cond: .*ROW\(.*AT TIME ZONE/);
    });
  });

  describe('rights', () => {
    it('lets a role use its own views and side tables, and nothing of legacy or of others', async () => {
      for (const statement of [
        'SELECT * FROM public.users',
        'DELETE FROM public.messages',
        'SELECT * FROM banyan_auth.users',
        'SELECT * FROM banyan_user.profile_pending',
        'TRUNCATE banyan_message.messages',
        'DROP VIEW banyan_message.messages',
        'SELECT banyan_user.keys_of(NULL)',
        'CREATE TABLE public.mine (id int)',
      ]) {
        await expect(message.query(statement)).rejects.toMatchObject({ code: '42501' });
      }
      await message.query('CREATE TABLE banyan_message.mine (id int)');
      await expect(
        message.query(
          'CREATE TRIGGER steal BEFORE INSERT ON banyan_message.mine FOR EACH ROW EXECUTE FUNCTION banyan_message.messages_delete()',
        ),
      ).rejects.toMatchObject({
        code: '42501',
      });
      await message.query('DROP TABLE banyan_message.mine');
    });
  });
});

describe('contents in bytea', () => {
  let database: LegacyDatabase;
  beforeAll(async () => (database = await makeLegacyDatabase('bytea')));
  afterAll(() => database.drop());

  it('reads zero bytes and what is no UTF-8, and keeps them until the content is changed', async () => {
    const legacy = await database.connect();
    await prepareLegacy(legacy);
    const message = await database.connect({ role: 'banyan_message' });
    const self = randomUUID();
    await legacy.query(`INSERT INTO users (id, email, username, password_hash, public_keys) VALUES ($1, 'e', 'u', 'h', '[]')`, [self]);
    const contents = ['', 'grüße \u{1f600}', 'a\0\0b ü', '\\x00'].map((text) => Buffer.from(text)).concat(Buffer.from([0x61, 0xff, 0x00]));
    for (const [n, content] of contents.entries()) {
      await legacy.query(
        `INSERT INTO messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, created_at) VALUES (gen_random_uuid(), $1, $1, $2, '', timestamp 'epoch' + $3 * interval '1 s')`,
        [self, content, n],
      );
    }
    const { rows } = await message.query<{ encrypted_content: string }>(
      'SELECT encrypted_content FROM banyan_message.messages ORDER BY created_at',
    );
    expect(rows.map((row) => row.encrypted_content)).toEqual(['', 'grüße \u{1f600}', 'a\ufffd\ufffdb ü', '\\x00', 'a\\377\\000']);
    await message.query('UPDATE banyan_message.messages SET is_read = true');
    const kept = await legacy.query<{ encrypted_content: Buffer }>('SELECT encrypted_content FROM messages ORDER BY created_at');
    expect(kept.rows.map((row) => row.encrypted_content)).toEqual(contents);
  });
});
