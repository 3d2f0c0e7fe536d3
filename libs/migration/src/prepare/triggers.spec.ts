import { randomUUID } from 'node:crypto';
import { makeLegacyHome, one, type LegacyHome } from '../../../../test/legacy/legacy-home';
import { variants } from './kinds';

describe.each(variants)('writing through views over the %s variant', (variant) => {
  let home: LegacyHome;
  let legacy: LegacyHome['legacy'];
  let auth: LegacyHome['auth'];
  let user: LegacyHome['user'];
  let message: LegacyHome['message'];
  let legacyUser: LegacyHome['legacyUser'];
  let legacyMessage: LegacyHome['legacyMessage'];
  let register: LegacyHome['register'];
  beforeAll(async () => {
    home = await makeLegacyHome(variant);
    ({ legacy, auth, user, message, legacyUser, legacyMessage, register } = home);
  });
  afterAll(() => home.database.drop());

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
      (await message.query(`UPDATE banyan_message.messages SET is_read = true WHERE id = $1 AND NOT is_read RETURNING id`, [id])).rowCount,
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
    await expect(user.query('UPDATE banyan_user.user_profiles SET bio = $2 WHERE id = $1', [self, 'x'.repeat(501)])).rejects.toMatchObject({
      code: '22001',
    });
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

  it('keeps the microseconds of a tombstone and accepts an invitation once', async () => {
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
