import { randomUUID } from 'node:crypto';
import { makeLegacyHome, one, type LegacyHome } from '../../../../test/legacy/legacy-home';
import { variants } from './kinds';

describe.each(variants)('account and profile, two views of one row, over the %s variant', (variant) => {
  let home: LegacyHome;
  let legacy: LegacyHome['legacy'];
  let auth: LegacyHome['auth'];
  let user: LegacyHome['user'];
  let legacyUser: LegacyHome['legacyUser'];
  let legacyMessage: LegacyHome['legacyMessage'];
  let register: LegacyHome['register'];
  beforeAll(async () => {
    home = await makeLegacyHome(variant);
    ({ legacy, auth, user, legacyUser, legacyMessage, register } = home);
  });
  afterAll(() => home.database.drop());

  const count = async (table: string, column: string, id: string) =>
    Number((await one(legacy, `SELECT count(*) AS n FROM ${table} WHERE ${column} = $1`, [id])).n);
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
