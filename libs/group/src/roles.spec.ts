import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { type House, startHouse } from '../../../test/support/house';
import { groupContract } from './contract';
import { MemberStore } from './member.store';

type Client = ReturnType<typeof clientOf>;
const clientOf = (house: House, who: string) => house.as(who, groupContract);

interface Scene {
  readonly group_id: string;
  readonly owner: string;
  readonly otherAdmin: string;
  readonly otherMember: string;
  readonly banned: string;
  readonly newcomer: string;
  /** Of the other member's. */
  readonly message_id: string;
}

const OK = 'ok';
const OUT = 'not_a_member';
const ADD = 'only_admins_add';
const REMOVE = 'only_admins_remove';
const EDIT = 'only_admins_edit';
const OWNER = 'only_the_owner';

/** Who calls, in the order of the columns. Whoever is banned is an outsider with a name. */
const callers = ['owner', 'admin', 'member', 'banned', 'outsider'] as const;

/** What each gets; where fewer are named, the last one goes for the rest. */
const table: readonly [string, (me: Client, scene: Scene) => Promise<unknown>, ...string[]][] = [
  ['details', (me, { group_id }) => me.details({ group_id }), OK, OK, OK, OUT],
  ['its members', (me, { group_id }) => me.memberList({ group_id }), OK, OK, OK, OUT],
  ['its history', (me, { group_id }) => me.history({ group_id }), OK, OK, OK, OUT],
  ['its settings', (me, { group_id }) => me.settings({ group_id }), OK, OK, OK, OUT],
  ['who has read', (me, { group_id, message_id }) => me.readers({ group_id, message_id }), OK, OK, OK, OUT],
  ['that one has read', (me, { group_id, message_id }) => me.markRead({ group_id, message_ids: [message_id] }), OK, OK, OK, OUT],
  ['a message', (me, { group_id }) => me.send({ group_id, encrypted_content: 'x' }), OK, OK, OK, OUT],
  [
    'the end of another’s message',
    (me, { group_id, message_id }) => me.removeMessage({ group_id, message_id }),
    OK,
    OK,
    'not_your_message',
    OUT,
  ],
  ['another name', (me, { group_id }) => me.update({ group_id, name: 'x' }), OK, OK, EDIT, OUT],
  ['another setting', (me, { group_id }) => me.update({ group_id, who_may_edit: 'members' }), OK, OK, EDIT, OUT],
  ['somebody new', (me, { group_id, newcomer }) => me.addMember({ group_id, user_id: newcomer }), OK, OK, ADD],
  ['somebody banned', (me, { group_id, banned }) => me.addMember({ group_id, user_id: banned }), 'banned', 'banned', ADD],
  ['no member any more', (me, { group_id, otherMember }) => me.removeMember({ group_id, user_id: otherMember }), OK, OK, REMOVE],
  ['no admin any more', (me, { group_id, otherAdmin }) => me.removeMember({ group_id, user_id: otherAdmin }), OK, OWNER, REMOVE],
  ['no owner any more', (me, { group_id, owner }) => me.removeMember({ group_id, user_id: owner }), 'owner_cannot_leave', OWNER, REMOVE],
  [
    'nobody',
    (me, { group_id, newcomer }) => me.removeMember({ group_id, user_id: newcomer }),
    'member_not_found',
    'member_not_found',
    REMOVE,
  ],
  ['its back', (me, { group_id }) => me.leave({ group_id }), 'owner_cannot_leave', OK, OK, OUT],
  ['a member made admin', (me, { group_id, otherMember: user_id }) => me.setRole({ group_id, user_id, role: 'admin' }), OK, OWNER],
  ['the owner made member', (me, { group_id, owner: user_id }) => me.setRole({ group_id, user_id, role: 'member' }), OWNER],
  [
    'an outsider made admin',
    (me, { group_id, newcomer: user_id }) => me.setRole({ group_id, user_id, role: 'admin' }),
    'member_not_found',
    OWNER,
  ],
  ['another owner', (me, { group_id, otherMember: user_id }) => me.transfer({ group_id, user_id }), OK, OWNER],
  ['an outsider as owner', (me, { group_id, newcomer: user_id }) => me.transfer({ group_id, user_id }), 'member_not_found', OWNER],
  ['a ban of a member', (me, { group_id, otherMember: user_id }) => me.ban({ group_id, user_id }), OK, OK, REMOVE],
  ['a ban of an admin', (me, { group_id, otherAdmin: user_id }) => me.ban({ group_id, user_id }), OK, OWNER, REMOVE],
  ['a ban of the owner', (me, { group_id, owner: user_id }) => me.ban({ group_id, user_id }), 'owner_cannot_leave', OWNER, REMOVE],
  ['a ban of an outsider', (me, { group_id, newcomer: user_id }) => me.ban({ group_id, user_id }), OK, OK, REMOVE],
  ['the end of a ban', (me, { group_id, banned: user_id }) => me.unban({ group_id, user_id }), OK, OK, REMOVE],
  ['its bans', (me, { group_id }) => me.bans({ group_id }), OK, OK, REMOVE],
  ['its end', (me, { group_id }) => me.remove({ group_id }), OK, 'only_owner_deletes'],
];

describe.each(dataHomes)('a group and who asks of it what, in $name', ({ open }) => {
  let home: DataHome;
  let house: House;
  let ids: string[];
  const as = (who: string) => clientOf(house, who);
  beforeAll(async () => {
    home = await open('user', 'group');
    house = await startHouse({ domains: ['user', 'group'], home });
    ids = await Promise.all(Array.from({ length: 8 }, () => home.addUser()));
  });
  afterAll(async () => {
    await house?.close();
    await home?.close();
  });

  async function makeScene() {
    const [owner, admin, otherAdmin, member, otherMember, banned, outsider, newcomer] = ids as [string, ...string[]] &
      Record<number, string>;
    const { group_id } = await as(owner).create({ name: 'Team' });
    for (const user_id of [admin, otherAdmin, member, otherMember]) await as(owner).addMember({ group_id, user_id: user_id! });
    for (const user_id of [admin, otherAdmin]) await as(owner).setRole({ group_id, user_id: user_id!, role: 'admin' });
    await as(owner).ban({ group_id, user_id: banned! });
    const { message_id } = await as(otherMember!).send({ group_id, encrypted_content: 'words' });
    const scene: Scene = {
      group_id,
      owner,
      otherAdmin: otherAdmin!,
      otherMember: otherMember!,
      banned: banned!,
      newcomer: newcomer!,
      message_id,
    };
    return { scene, people: { owner, admin: admin!, member: member!, banned: banned!, outsider: outsider! } };
  }

  it.each(table)('%s', async (_what, ask, ...expected) => {
    const seen: Record<string, string> = {};
    for (const caller of callers) {
      const { scene, people } = await makeScene();
      seen[caller] = await ask(as(people[caller]), scene).then(
        () => OK,
        (error: { code: string }) => error.code.replace('group.', ''),
      );
    }
    expect(seen).toEqual(Object.fromEntries(callers.map((caller, n) => [caller, expected[n] ?? expected.at(-1)])));
  });

  it('has one owner, however many it is handed over to at the same moment, and whoever goes then', async () => {
    const { scene, people } = await makeScene();
    const { group_id, owner, otherAdmin, otherMember } = scene;
    const outcomes = await Promise.allSettled([
      ...[people.admin, otherAdmin, people.member, otherMember].map((user_id) => as(owner).transfer({ group_id, user_id })),
      as(otherMember).leave({ group_id }),
      as(owner).removeMember({ group_id, user_id: people.member }),
    ]);
    expect(outcomes.slice(0, 4).filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const members = await house.get(MemberStore).list(group_id, { limit: 1_000 });
    expect(members.filter(({ role }) => role === 'owner')).toHaveLength(1);
    expect(members.filter(({ user_id }) => user_id === owner)).toMatchObject([{ user_id: owner, role: 'admin' }]);
  });

  it('never has somebody in it who is banned, whoever adds him at that moment', async () => {
    for (let n = 0; n < 5; n++) {
      const { scene, people } = await makeScene();
      const pair = { group_id: scene.group_id, user_id: scene.newcomer };
      await Promise.allSettled([as(people.admin).addMember(pair), as(scene.owner).ban(pair), as(scene.otherAdmin).addMember(pair)]);
      const { user_ids } = await as('system').members({ group_id: scene.group_id });
      expect(user_ids).not.toContain(scene.newcomer);
    }
  });
});
