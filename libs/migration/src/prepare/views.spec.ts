import { makeLegacyHome, one, type LegacyHome } from '../../../../test/legacy/legacy-home';
import { variants } from './kinds';

describe.each(variants)('reading views over the %s variant', (variant) => {
  let home: LegacyHome;
  let legacy: LegacyHome['legacy'];
  let auth: LegacyHome['auth'];
  let user: LegacyHome['user'];
  let message: LegacyHome['message'];
  let legacyUser: LegacyHome['legacyUser'];
  let legacyMessage: LegacyHome['legacyMessage'];
  beforeAll(async () => {
    home = await makeLegacyHome(variant);
    ({ legacy, auth, user, message, legacyUser, legacyMessage } = home);
  });
  afterAll(() => home.database.drop());

  it('fills what legacy left null or empty', async () => {
    const id = await legacyUser({ role: '' });
    expect(
      await one(auth, `SELECT role, is_active, is_verified, last_seen, created_at::text, updated_at FROM banyan_auth.users WHERE id = $1`, [
        id,
      ]),
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

  it('reads keys and contents where the planner may go parallel', async () => {
    await legacy.query(`ALTER TABLE users SET (parallel_workers = 2)`);
    await user.query('SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0');
    await expect(
      user.query(`SELECT id, public_keys FROM banyan_user.user_profiles WHERE public_keys::text LIKE '%nobody%'`),
    ).resolves.toMatchObject({ rowCount: 0 });
    await user.query('RESET ALL; SET ROLE banyan_user');
    await legacy.query(`ALTER TABLE users RESET (parallel_workers)`);
  });

  it('pages through a conversation along its index, as a generic plan', async () => {
    const [a, b] = [await legacyUser(), await legacyUser()];
    const content = variant === 'text' ? `'c'` : `'c'::bytea`;
    await legacy.query(
      `INSERT INTO messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, created_at)
       SELECT gen_random_uuid(), CASE WHEN n % 2 = 0 THEN $1::uuid ELSE $2::uuid END, CASE WHEN n % 2 = 0 THEN $2::uuid ELSE $1::uuid END, ${content}, ${content},
         timestamp '2026-01-01' + n * interval '1 microsecond' FROM generate_series(1, 20000) n`,
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

  it('lets a role use its own views and side tables, and nothing of legacy or of others', async () => {
    for (const statement of [
      'SELECT * FROM public.users',
      'DELETE FROM public.messages',
      'SELECT * FROM banyan_auth.users',
      'SELECT * FROM banyan_user.profile_pending',
      'TRUNCATE banyan_user.profile_pending',
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

describe('contents in bytea', () => {
  let home: LegacyHome;
  beforeAll(async () => void (home = await makeLegacyHome('bytea')));
  afterAll(() => home.database.drop());

  it('reads zero bytes and what is no UTF-8 in bytea, and keeps them until the content is changed', async () => {
    const { legacy, message, legacyUser, legacyMessage } = home;
    const self = await legacyUser();
    const contents = ['', 'grüße \u{1f600}', 'a\0\0b ü', '\\x00'].map((text) => Buffer.from(text)).concat(Buffer.from([0x61, 0xff, 0x00]));
    for (const [second, encrypted_content] of contents.entries()) {
      await legacyMessage({ sender_id: self, recipient_id: self, encrypted_content, created_at: `2026-01-01 00:00:0${second}` });
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
