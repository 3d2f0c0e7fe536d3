import { randomUUID } from 'node:crypto';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { type House, startHouse } from '../../../test/support/house';
import { until } from '../../../test/support/until';
import { groupContract, post } from './contract';
import { MemberStore } from './member.store';

describe.each(dataHomes)('groups, through their contract, in $name', ({ open }) => {
  let home: DataHome;
  let house: House;
  let [alice, bob, carol]: string[] = [];
  const as = (caller: string) => house.as(caller, groupContract);
  const system = () => house.as('system', groupContract);
  beforeAll(async () => {
    home = await open('user', 'group');
    house = await startHouse({ domains: ['user', 'group'], home });
  });
  beforeEach(async () => {
    [alice, bob, carol] = await Promise.all([home.addUser(), home.addUser(), home.addUser()]);
    await home.admin('DELETE FROM banyan_group.outbox');
  });
  afterAll(async () => {
    await house?.close();
    await home?.close();
  });

  /** Alice's, with Bob in it. */
  async function makeGroup(): Promise<string> {
    const { group_id } = await as(alice!).create({ name: 'Team' });
    await as(alice!).addMember({ group_id, user_id: bob! });
    return group_id;
  }
  const say = (who: string, group_id: string, text = 'words', key?: string) =>
    as(who).send({ group_id, encrypted_content: text, encrypted_session_keys: { [alice!]: 'k' } }, { key });
  const texts = async (who: string, group_id: string, part: object = {}) =>
    (await as(who).history({ group_id, ...part })).messages.map(({ content }) => content);
  const roles = async (group_id: string) =>
    Object.fromEntries((await house.get(MemberStore).list(group_id, { limit: 100 })).map(({ user_id, role }) => [user_id, role]));
  const events = async () =>
    (await home.admin<{ name: string }>('SELECT name FROM banyan_group.outbox ORDER BY position')).map(({ name }) => name);
  const legacyTable = (name: string) => `${home.isLegacy ? 'public' : 'banyan_group'}.${name}`;

  it('belong to who makes them, who is in them, and are counted once', async () => {
    const made = await as(alice!).create({ name: 'Team', description: 'us' }, { key: 'k' });
    expect(await as(alice!).create({ name: 'Team', description: 'us' }, { key: 'k' })).toEqual(made);
    const { group_id } = made;
    expect(made).toEqual({ group_id, name: 'Team', description: 'us', admin_id: alice, created_at: expect.stringMatching(/\d{6}Z$/) });
    await as(alice!).addMember({ group_id, user_id: bob! });
    const line = { id: group_id, name: 'Team', description: 'us', admin_id: alice, memberCount: 2, created_at: made.created_at };
    expect(await as(alice!).list({})).toEqual([{ ...line, is_admin: true }]);
    expect(await as(bob!).list({})).toEqual([{ ...line, is_admin: false }]);
    expect(await as(carol!).list({})).toEqual([]);
    expect(await roles(group_id)).toEqual({ [alice!]: 'owner', [bob!]: 'member' });
    expect(await system().ofUser({ user_id: bob! })).toEqual({ group_ids: [group_id] });
    expect(await events()).toEqual(['group.created', 'group.member.added']);
  });

  it('say to outsiders that they are, and nothing else', async () => {
    const group_id = await makeGroup();
    const refused = { code: 'group.not_a_member' };
    const mallory = as(carol!);
    await expect(mallory.details({ group_id })).rejects.toMatchObject(refused);
    await expect(mallory.memberList({ group_id })).rejects.toMatchObject(refused);
    await expect(mallory.history({ group_id })).rejects.toMatchObject(refused);
    await expect(mallory.send({ group_id, encrypted_content: 'x' })).rejects.toMatchObject(refused);
    await expect(mallory.addMember({ group_id, user_id: carol! })).rejects.toMatchObject({ code: 'group.only_admins_add' });
    await expect(mallory.removeMember({ group_id, user_id: bob! })).rejects.toMatchObject({ code: 'group.only_admins_remove' });
    await expect(mallory.remove({ group_id })).rejects.toMatchObject({ code: 'group.only_owner_deletes' });
    const unknown = { group_id: randomUUID() };
    await expect(mallory.details(unknown)).rejects.toMatchObject({ code: 'group.not_found' });
    await expect(mallory.memberList(unknown)).rejects.toMatchObject({ code: 'group.not_found' });
    expect(await system().members(unknown)).toEqual({ user_ids: [] });
  });

  it('are joined once, however many ask at the same moment', async () => {
    const { group_id } = await as(alice!).create({ name: 'Team' });
    const asked = await Promise.allSettled(Array.from({ length: 5 }, () => as(alice!).addMember({ group_id, user_id: bob! })));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await roles(group_id)).toEqual({ [alice!]: 'owner', [bob!]: 'member' });
    await expect(as(alice!).addMember({ group_id, user_id: bob! })).rejects.toMatchObject({ code: 'group.already_a_member' });
    await expect(as(alice!).addMember({ group_id, user_id: randomUUID() })).rejects.toMatchObject({ code: 'group.user_not_found' });
  });

  it('keep messages newest first, in pages, until they are deleted', async () => {
    const group_id = await makeGroup();
    for (const text of ['one', 'two', 'three']) await say(bob!, group_id, text);
    expect(await texts(alice!, group_id)).toEqual(['three', 'two', 'one']);
    expect(await texts(alice!, group_id, { limit: 1, offset: 1 })).toEqual(['two']);
    const { messages, total } = await as(alice!).history({ group_id });
    expect(total).toBe(3);
    expect(messages[0]).toMatchObject({
      sender_id: bob,
      encrypted_content: Buffer.from('three').toString('hex'),
      encrypted_session_key: Buffer.from(JSON.stringify({ [alice!]: 'k' })).toString('hex'),
      message_id: messages[0]!.id,
    });
    expect(await texts(alice!, group_id, { before: messages[1]!.id })).toEqual(['one']);
    await as(alice!).removeMessage({ group_id, message_id: messages[1]!.id });
    await as(alice!).removeMessage({ group_id, message_id: messages[1]!.id });
    expect(await texts(bob!, group_id)).toEqual(['three', 'one']);
    expect(await system().posted({ message_id: messages[1]!.id })).toEqual({ message: null });
    expect((await events()).filter((name) => name === 'group.message.deleted')).toHaveLength(1);
    const mine = await say(alice!, group_id, 'mine');
    await expect(as(bob!).removeMessage({ group_id, message_id: mine.message_id })).rejects.toMatchObject({
      code: 'group.not_your_message',
    });
  });

  it('take a message once under its key, and under the name its sender gave it', async () => {
    const group_id = await makeGroup();
    const first = await say(bob!, group_id, 'words', 'k1');
    expect(await say(bob!, group_id, 'words', 'k1')).toEqual(first);
    const draft = { group_id, sender_id: bob!, message_id: 'msg-1763850000000-x1', encrypted_content: 'named' };
    const named = await system().post(draft);
    expect(await system().post(draft)).toEqual(named);
    expect(await texts(alice!, group_id)).toEqual(['named', 'words']);
    expect(await system().posted({ message_id: named.message_id })).toEqual({ message: named });
    await expect(system().post({ ...draft, encrypted_content: 'other' })).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  it('know who has read what, once', async () => {
    const group_id = await makeGroup();
    const { message_id } = await say(alice!, group_id);
    expect(await as(bob!).markRead({ group_id, message_ids: [message_id, message_id, randomUUID()] })).toEqual({
      marked: expect.any(Number),
    });
    await Promise.all(Array.from({ length: 5 }, () => as(bob!).markRead({ group_id, message_ids: [message_id] })));
    await as(alice!).markRead({ group_id, message_ids: [message_id] });
    expect(await as(alice!).readers({ group_id, message_id })).toEqual([{ user_id: bob, read_at: expect.any(String) }]);
  });

  it('have an owner, admins and settings', async () => {
    const group_id = await makeGroup();
    expect(await as(bob!).settings({ group_id })).toEqual({
      who_may_post: 'members',
      who_may_add: 'admins',
      who_may_edit: 'admins',
      my_role: 'member',
    });
    await expect(as(bob!).update({ group_id, name: 'Ours' })).rejects.toMatchObject({ code: 'group.only_admins_edit' });
    await as(alice!).update({ group_id, who_may_post: 'admins', who_may_add: 'members', who_may_edit: 'members' });
    await expect(say(bob!, group_id)).rejects.toMatchObject({ code: 'group.only_admins_post' });
    await as(bob!).addMember({ group_id, user_id: carol! });
    expect(await as(bob!).update({ group_id, name: 'Ours' })).toMatchObject({ name: 'Ours', description: null, is_admin: false });
    await expect(as(bob!).update({ group_id, who_may_post: 'members' })).rejects.toMatchObject({ code: 'group.only_admins_edit' });
    await as(alice!).setRole({ group_id, user_id: bob!, role: 'admin' });
    await say(bob!, group_id);
    await expect(as(bob!).setRole({ group_id, user_id: carol!, role: 'admin' })).rejects.toMatchObject({ code: 'group.only_the_owner' });
    await expect(as(bob!).removeMember({ group_id, user_id: alice! })).rejects.toMatchObject({ code: 'group.only_the_owner' });
    await expect(as(alice!).leave({ group_id })).rejects.toMatchObject({ code: 'group.owner_cannot_leave' });
    await as(alice!).transfer({ group_id, user_id: bob! });
    expect(await roles(group_id)).toEqual({ [alice!]: 'admin', [bob!]: 'owner', [carol!]: 'member' });
    await as(alice!).leave({ group_id });
    expect(await roles(group_id)).toEqual({ [bob!]: 'owner', [carol!]: 'member' });
  });

  it('keep out who is banned, until he is not', async () => {
    const group_id = await makeGroup();
    await as(alice!).ban({ group_id, user_id: bob! });
    await expect(as(alice!).addMember({ group_id, user_id: bob! })).rejects.toMatchObject({ code: 'group.banned' });
    await expect(as(bob!).details({ group_id })).rejects.toMatchObject({ code: 'group.not_a_member' });
    expect(await as(alice!).bans({ group_id })).toEqual([{ user_id: bob, banned_by: alice, banned_at: expect.any(String) }]);
    await as(alice!).unban({ group_id, user_id: bob! });
    await as(alice!).addMember({ group_id, user_id: bob! });
    expect((await events()).filter((name) => name === 'group.member.removed')).toHaveLength(1);
  });

  it('go with all that is in them', async () => {
    const group_id = await makeGroup();
    const { message_id } = await say(alice!, group_id);
    await as(bob!).markRead({ group_id, message_ids: [message_id] });
    await as(alice!).remove({ group_id });
    await expect(as(alice!).details({ group_id })).rejects.toMatchObject({ code: 'group.not_found' });
    await expect(say(alice!, group_id)).rejects.toMatchObject({ code: 'group.not_found' });
    const [announced] = await home.admin<{ payload: { member_ids: string[] } }>(
      "SELECT payload FROM banyan_group.outbox WHERE name = 'group.deleted'",
    );
    expect(announced!.payload).toMatchObject({ group_id, name: 'Team', by: alice });
    expect(announced!.payload.member_ids.sort()).toEqual([alice!, bob!].sort());
    await house.deliverEvents();
    for (const [table, column, value] of [
      ['group_messages', 'group_id', group_id],
      ['group_members', 'group_id', group_id],
      ['group_read_receipts', 'message_id', message_id],
    ]) {
      expect(await home.admin(`SELECT id FROM ${legacyTable(table!)} WHERE ${column} = $1`, [value])).toEqual([]);
    }
  });

  it('lose who is removed for good, with his groups and his words', async () => {
    const [his, theirs] = [(await as(bob!).create({ name: 'his' })).group_id, await makeGroup()];
    await say(bob!, theirs, 'his');
    const { message_id } = await say(alice!, theirs, 'hers');
    await as(bob!).markRead({ group_id: theirs, message_ids: [message_id] });
    await Promise.all([system().purge({ user_id: bob! }), say(bob!, theirs, 'late').catch(() => undefined)]);
    expect(await system().about({ group_id: his })).toEqual({ group: null });
    expect(await roles(theirs)).toEqual({ [alice!]: 'owner' });
    expect(await texts(alice!, theirs)).toEqual(['hers']);
    expect(await as(alice!).readers({ group_id: theirs, message_id })).toEqual([]);
    await expect(as(alice!).addMember({ group_id: theirs, user_id: bob! })).rejects.toMatchObject({ code: 'group.user_not_found' });
    await expect(as(bob!).create({ name: 'again' })).rejects.toMatchObject({ code: 'caller_not_found' });
    expect(await system().purge({ user_id: bob! })).toEqual({});
  });

  it('have no message of somebody accepted after his removal, and show him none that was', async () => {
    const group_id = await makeGroup();
    let removedAt: Promise<unknown> | undefined;
    const written: { text: string; startedAfter: boolean }[] = [];
    let isRemoved = false;
    /** Both go on writing while Bob is taken out. */
    async function writer(who: string): Promise<void> {
      for (let n = 0; n < 15; n++) {
        const startedAfter = isRemoved;
        const text = `${who} ${n}`;
        const isAccepted = await say(who, group_id, text).then(
          () => true,
          (error: unknown) => {
            expect(error).toMatchObject({ code: 'group.not_a_member' });
            return false;
          },
        );
        if (isAccepted) written.push({ text, startedAfter });
        if (n === 5 && who === alice)
          removedAt = as(alice)
            .removeMember({ group_id, user_id: bob! })
            .then(() => (isRemoved = true));
      }
    }
    let seen: string[] = [];
    async function reader(): Promise<void> {
      for (let n = 0; n < 30; n++) {
        const found = await texts(bob!, group_id).catch(() => undefined);
        if (found && found.length > 0) seen = found;
      }
    }
    await Promise.all([writer(alice!), writer(bob!), reader()]);
    await removedAt;
    expect(written.filter(({ text, startedAfter }) => startedAfter && text.startsWith(bob!))).toEqual([]);
    // In the order of events, nothing of his stands behind his removal; and he saw nothing that does.
    const order = await home.admin<{ name: string; payload: { sender_id?: string; message_id?: string } }>(
      'SELECT name, payload FROM banyan_group.outbox ORDER BY position',
    );
    const removal = order.findIndex(({ name }) => name === 'group.member.removed');
    const behind = order.slice(removal).filter(({ name }) => name === 'group.message');
    expect(removal).toBeGreaterThan(0);
    expect(behind.map(({ payload }) => payload.sender_id)).not.toContain(bob);
    const late = await Promise.all(
      behind.map(async ({ payload }) => (await system().posted({ message_id: payload.message_id! })).message!),
    );
    expect(late.filter(({ encrypted_content }) => seen.includes(encrypted_content))).toEqual([]);
  });

  it('accept a message before a removal or not at all, never beside it', async () => {
    const group_id = await makeGroup();
    const gate = await home.client('group');
    const waiting = async () =>
      Number(
        (
          await home.admin<{ n: string }>(
            `SELECT count(*) AS n FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE NOT granted AND datname = current_database()`,
          )
        )[0]!.n,
      );
    // The message stops at its table, when it has been found good; the removal begins then.
    await gate.query(`SET ROLE NONE; BEGIN; LOCK TABLE ${legacyTable('group_messages')} IN SHARE MODE`);
    const said = say(bob!, group_id, 'last words');
    await until(async () => (await waiting()) === 1);
    const removed = as(alice!).removeMember({ group_id, user_id: bob! });
    const winner = Promise.race([removed.then(() => 'removed'), until(async () => (await waiting()) === 2).then(() => 'waits')]);
    expect(await winner).toBe('waits');
    await gate.query('COMMIT');
    await Promise.all([said, removed]);
    expect((await events()).slice(-2)).toEqual(['group.message', 'group.member.removed']);
    await expect(say(bob!, group_id, 'more')).rejects.toMatchObject({ code: 'group.not_a_member' });
  });

  it('hold a removal back while a message is being accepted, and refuse the next one', async () => {
    const group_id = await makeGroup();
    const legacy = await home.another('group');
    // What legacy's own program does: it knows none of our locks, only the row.
    let isGone = false;
    let removal: Promise<unknown> = Promise.resolve();
    await home.databases.of('group').database.transaction(async (tx) => {
      await tx.query({
        name: 'hold',
        text: 'SELECT id FROM banyan_group.group_members WHERE group_id = $1 AND user_id = $2 FOR KEY SHARE',
        values: [group_id, bob!],
      });
      removal = home
        .admin(`DELETE FROM ${legacyTable('group_members')} WHERE group_id = $1 AND user_id = $2`, [group_id, bob!])
        .then(() => (isGone = true));
      await legacy.query({ name: 'beside', text: 'SELECT pg_sleep(0.1)', values: [] });
      expect(isGone).toBe(false);
    });
    await removal;
    await expect(say(bob!, group_id)).rejects.toMatchObject({ code: 'group.not_a_member' });
  });

  it('accept nothing twice when the answer was lost', async () => {
    const group_id = await makeGroup();
    let isFirst = true;
    house.interrupt(post, async (execute) => {
      const answer = await execute();
      if (!isFirst) return answer;
      isFirst = false;
      throw new Error('lost');
    });
    const draft = { group_id, sender_id: bob!, message_id: 'again', encrypted_content: 'once' };
    await system()
      .post(draft)
      .catch(() => undefined);
    await system().post(draft);
    house.interrupt(post, undefined);
    expect(await texts(alice!, group_id)).toEqual(['once']);
  });
});
