import type { Database } from '@banyan/platform/database/database';
import { randomUUID } from 'node:crypto';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { type House, startHouse } from '../../../test/support/house';
import { groupContract } from './contract';
import { MemberStore } from './member.store';

const MEMBERS = 10_000;
const MESSAGES = 100_000;

describe.each(dataHomes)('a group of ten thousand in $name', ({ open }) => {
  let home: DataHome;
  let house: House;
  let database: Database;
  let [owner, last, group_id]: string[] = [];
  beforeAll(async () => {
    home = await open('user', 'group');
    house = await startHouse({ domains: ['user', 'group'], home });
    ({ database } = home.databases.of('group'));
    owner = await home.addUser();
    ({ group_id } = await house.as(owner, groupContract).create({ name: 'Everybody' }));
    const ids = Array.from({ length: MEMBERS - 1 }, () => randomUUID());
    last = ids.at(-1)!;
    if (home.isLegacy) {
      await home.admin(
        `INSERT INTO public.users (id, email, username, password_hash, public_keys)
         SELECT id, id || '@example.com', id, 'x', '[]' FROM unnest($1::uuid[]) AS id`,
        [ids],
      );
    } else {
      await home.admin(
        `INSERT INTO banyan_user.user_profiles (id, email, username) SELECT id, id || '@example.com', id FROM unnest($1::uuid[]) AS id`,
        [ids],
      );
    }
    const table = home.isLegacy ? 'public.group_members' : 'banyan_group.group_members';
    await home.admin(
      `INSERT INTO ${table} (id, group_id, user_id, role, joined_at) SELECT gen_random_uuid(), $1, id, 'member', now() FROM unnest($2::uuid[]) AS id`,
      [group_id, ids],
    );
    await home.admin(`ANALYZE ${table}`);
  });
  afterAll(async () => {
    await house?.close();
    await home?.close();
  });

  it('lists everybody once, with his profile', async () => {
    const members = await house.as(last!, groupContract).memberList({ group_id: group_id! });
    expect(new Set(members.map(({ user_id }) => user_id)).size).toBe(MEMBERS);
    expect(members).toHaveLength(MEMBERS);
    const [line] = await house.as(last!, groupContract).list({});
    expect(line).toMatchObject({ memberCount: MEMBERS });
  });

  it('reads a part of the list without the rest', async () => {
    const rows = await new MemberStore(database).list(group_id!, { limit: 3 });
    expect(rows).toHaveLength(3);
    const [behind] = await new MemberStore(database).list(group_id!, { limit: 1, after: rows[2]!.user_id });
    expect(behind!.user_id > rows[2]!.user_id).toBe(true);
  });

  it('turns the pages of a history of a hundred thousand messages, each message once', async () => {
    const table = home.isLegacy ? 'public.group_messages' : 'banyan_group.group_messages';
    const bytes = (text: string) => (home.isLegacy ? `convert_to(${text}, 'UTF8')` : text);
    // Many at one instant, so that the id has to decide.
    await home.admin(
      `INSERT INTO ${table} (id, group_id, sender_id, encrypted_content, encrypted_session_key, created_at)
       SELECT gen_random_uuid(), $1, $2, ${bytes(`n::text`)}, ${bytes(`'{}'`)}, timestamp '2026-01-01' + n / 7 * interval '1 second'
       FROM generate_series(1, ${MESSAGES}) AS n`,
      [group_id, owner],
    );
    const seen = new Set<string>();
    let before: { id: string; created_at: string } | undefined;
    let isInOrder = true;
    for (let isLast = false; !isLast;) {
      const { messages } = await house.as(last!, groupContract).history({ group_id: group_id!, limit: 1_000, before: before?.id });
      for (const { id, content, created_at } of messages) {
        seen.add(content);
        isInOrder &&= !before || before.created_at > created_at || (before.created_at === created_at && before.id > id);
        before = { id, created_at };
      }
      isLast = messages.length < 1_000;
    }
    expect([seen.size, isInOrder]).toEqual([MESSAGES, true]);
  });

  it('takes nobody more, and announces its end to all', async () => {
    const member = house.as(owner!, groupContract);
    const { message_id } = await house.as(last!, groupContract).send({ group_id: group_id!, encrypted_content: 'hello' });
    await member.markRead({ group_id: group_id!, message_ids: [message_id] });
    await expect(member.addMember({ group_id: group_id!, user_id: await home.addUser() })).rejects.toMatchObject({ code: 'group.full' });
    await member.remove({ group_id: group_id! });
    const [announced] = await home.admin<{ n: number }>(
      `SELECT json_array_length(payload -> 'member_ids') AS n FROM banyan_group.outbox WHERE name = 'group.deleted'`,
    );
    expect(announced!.n).toBe(MEMBERS);
  });
});
