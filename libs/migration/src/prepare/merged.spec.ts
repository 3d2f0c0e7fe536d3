import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { type LegacyHome, makeLegacyHome, one } from '../../../../test/legacy/legacy-home';
import { variants } from './kinds';

describe.each(variants)('members who are several rows in legacy, over the %s variant', (variant) => {
  let home: LegacyHome;
  let legacy: Client;
  let group: Client;
  let another: Client;
  let [groupId, owner, member]: string[] = [];
  beforeAll(async () => {
    home = await makeLegacyHome(variant);
    ({ legacy } = home);
    group = await home.database.connect({ role: 'banyan_group' });
    another = await home.database.connect({ role: 'banyan_group' });
  });
  beforeEach(async () => {
    [groupId, owner, member] = [randomUUID(), await home.legacyUser(), await home.legacyUser()];
    await legacy.query('INSERT INTO groups (id, name, admin_id) VALUES ($1, $2, $3)', [groupId, 'Team', owner]);
  });
  afterAll(() => home.database.drop());

  const row = (columns: { role?: string | null; joined_at?: string | null } = {}) => {
    const id = randomUUID();
    return legacy
      .query('INSERT INTO group_members (id, group_id, user_id, role, joined_at) VALUES ($1, $2, $3, $4, $5)', [
        id,
        groupId,
        member,
        columns.role ?? null,
        columns.joined_at ?? null,
      ])
      .then(() => id);
  };
  const shown = async () =>
    (await group.query('SELECT id, role FROM banyan_group.group_members WHERE group_id = $1', [groupId])).rows as object[];
  const kept = async () => Number((await one(legacy, 'SELECT count(*) AS n FROM group_members WHERE group_id = $1', [groupId])).n);
  const add = (client: Client) =>
    client.query('INSERT INTO banyan_group.group_members (id, group_id, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id', [
      randomUUID(),
      groupId,
      member,
    ]);

  it('are shown once: as admin if one of them says so, else as who came first', async () => {
    const first = await row({ joined_at: '2026-01-01 00:00:00' });
    await row({ joined_at: '2026-01-02 00:00:00', role: 'member' });
    expect(await shown()).toEqual([{ id: first, role: 'member' }]);
    const admin = await row({ joined_at: '2026-01-03 00:00:00', role: 'admin' });
    expect(await shown()).toEqual([{ id: admin, role: 'admin' }]);
  });

  it('change together and go together', async () => {
    await row({ role: 'admin' });
    await row();
    const changed = await group.query(`UPDATE banyan_group.group_members SET role = 'member' WHERE group_id = $1`, [groupId]);
    expect(changed.rowCount).toBe(1);
    expect(await one(legacy, `SELECT count(*)::int AS n FROM group_members WHERE group_id = $1 AND role = 'admin'`, [groupId])).toEqual({
      n: 0,
    });
    expect(await shown()).toHaveLength(1);
    expect((await group.query('DELETE FROM banyan_group.group_members WHERE group_id = $1', [groupId])).rowCount).toBe(1);
    expect(await kept()).toBe(0);
  });

  it('are not added beside a row that is there, nor beside each other', async () => {
    await group.query('BEGIN');
    expect((await add(group)).rowCount).toBe(1);
    const beside = add(another);
    await group.query('COMMIT');
    expect((await beside).rowCount).toBe(0);
    expect((await add(group)).rowCount).toBe(0);
    expect(await kept()).toBe(1);
  });

  it('keep what others wrote to a row meanwhile', async () => {
    const id = await row({ role: 'member' });
    await legacy.query('BEGIN');
    await legacy.query('UPDATE group_members SET is_muted = true WHERE id = $1', [id]);
    const change = group
      .query(`UPDATE banyan_group.group_members SET role = 'admin' WHERE group_id = $1`, [groupId])
      .catch((error: unknown) => error);
    await legacy.query('COMMIT');
    const outcome = await change;
    if (!(outcome instanceof Error)) return expect(outcome).toMatchObject({ rowCount: 1 });
    expect(outcome).toMatchObject({ code: '40001' });
    return expect(await one(legacy, 'SELECT role, is_muted FROM group_members WHERE id = $1', [id])).toEqual({
      role: 'member',
      is_muted: true,
    });
  });

  it('read contents that are no text without failing the list', async () => {
    await legacy.query(
      `INSERT INTO group_messages (id, group_id, sender_id, encrypted_content, encrypted_session_key)
       VALUES (gen_random_uuid(), $1, $2, '\\x610062', '\\x7b7d'), (gen_random_uuid(), $1, $2, '\\xff', '\\x00')`,
      [groupId, owner],
    );
    const { rows } = await group.query<{ encrypted_content: string }>(
      'SELECT encrypted_content FROM banyan_group.group_messages WHERE group_id = $1 ORDER BY encrypted_content',
      [groupId],
    );
    expect(rows.map(({ encrypted_content }) => encrypted_content).sort()).toEqual(['\\377', 'a\ufffdb'].sort());
  });
});
