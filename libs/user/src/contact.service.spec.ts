import { randomUUID } from 'node:crypto';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { type House, startHouse } from '../../../test/support/house';
import { userContract } from './contract';

/** The two forms of the legacy database differ in messages only. */
describe.each(dataHomes.slice(0, 2))('contacts, through their contract, in $name', ({ open }) => {
  let home: DataHome;
  let house: House;
  let ada: string;
  let ben: string;
  const as = (caller: string) => house.as(caller, userContract);
  const asAdmin = (caller: string) => house.as(caller, userContract, 'admin');
  const add = (user_id: string, contact_id: string, nickname?: string | null) => as(user_id).addContact({ user_id, contact_id, nickname });
  const namesOf = async (user_id: string) => (await as(user_id).contacts({ user_id })).map(({ contact_id }) => contact_id);
  const announced = () =>
    home.admin<{ payload: object }>(`SELECT payload FROM banyan_user.outbox WHERE name = 'contact.added' ORDER BY position`);

  beforeAll(async () => {
    home = await open('auth', 'user');
    house = await startHouse({ domains: ['user'], home });
  });
  beforeEach(async () => {
    [ada, ben] = [await home.addUser(), await home.addUser()];
    await home.admin('DELETE FROM banyan_user.outbox');
  });
  afterAll(async () => {
    await house?.close();
    await home?.close();
  });

  it('are added in one direction, without details, listed with them, and announced once', async () => {
    const entry = await add(ada, ben, 'Benny \u{1f600}');
    const base = { id: entry.id, user_id: ada, contact_id: ben, nickname: 'Benny \u{1f600}', created_at: entry.created_at };
    expect(entry.created_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(entry).toEqual({ ...base, contact_email: null, contact_username: null, contact_full_name: null, contact_public_key: null });
    await as(ben).setPublicKey({ public_key: 'QkVO' });
    const details = { contact_email: `${ben}@example.com`, contact_username: `user ${ben}`, contact_full_name: null };
    expect(await as(ada).contacts({ user_id: ada })).toEqual([{ ...base, ...details, contact_public_key: 'QkVO' }]);
    expect(await namesOf(ben)).toEqual([]);
    expect(await announced()).toEqual([{ payload: { user_id: ada, contact_id: ben, by: ada } }]);
  });

  it('are added once, however many ask at the same moment; a repeat under its key gets the first answer', async () => {
    const draft = { user_id: ada, contact_id: ben };
    const [first, again] = [await as(ada).addContact(draft, { key: 'k' }), await as(ada).addContact(draft, { key: 'k' })];
    expect(again).toEqual(first);
    await expect(add(ada, ben)).rejects.toMatchObject({ code: 'user.contact_exists', status: 400 });
    const carol = await home.addUser();
    const ends = await Promise.allSettled(Array.from({ length: 8 }, () => add(ada, carol)));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'user.contact_exists' });
    expect(await announced()).toHaveLength(2);
  });

  it('can be oneself, and nobody who is not there', async () => {
    await add(ada, ada);
    expect(await namesOf(ada)).toEqual([ada]);
    await expect(add(ada, randomUUID())).rejects.toMatchObject({ code: 'user.not_found', status: 404 });
  });

  it('of others are none of the caller’s business', async () => {
    const { id } = await add(ada, ben);
    const forbidden = { code: 'user.not_yourself', status: 403 };
    await expect(as(ben).addContact({ user_id: ada, contact_id: ben })).rejects.toMatchObject(forbidden);
    await expect(as(ben).contacts({ user_id: ada })).rejects.toMatchObject(forbidden);
    await expect(as(ben).allUsers({ user_id: ada })).rejects.toMatchObject(forbidden);
    const unknown = { code: 'user.contact_not_found', status: 404 };
    await expect(as(ben).removeContact({ contact_id: id })).rejects.toMatchObject(unknown);
    await expect(as(ben).renameContact({ contact_id: id, nickname: 'x' })).rejects.toMatchObject(unknown);
    expect(await namesOf(ada)).toEqual([ben]);
  });

  it('are renamed and removed', async () => {
    const { id } = await add(ada, ben, 'Ben');
    expect(await as(ada).renameContact({ contact_id: id, nickname: 'B' })).toMatchObject({ id, nickname: 'B' });
    expect(await as(ada).renameContact({ contact_id: id, nickname: null })).toMatchObject({ id, nickname: null });
    expect(await as(ada).removeContact({ contact_id: id }, { key: 'r' })).toEqual({ status: 'Contact removed' });
    expect(await as(ada).removeContact({ contact_id: id }, { key: 'r' })).toEqual({ status: 'Contact removed' });
    await expect(as(ada).removeContact({ contact_id: id })).rejects.toMatchObject({ code: 'user.contact_not_found' });
    await expect(as(ada).renameContact({ contact_id: id, nickname: 'x' })).rejects.toMatchObject({ code: 'user.contact_not_found' });
    expect(await namesOf(ada)).toEqual([]);
  });

  it('come in parts, none twice and none left out', async () => {
    const others = await Promise.all(Array.from({ length: 5 }, () => home.addUser()));
    for (const other of others) await add(ada, other);
    const seen: string[] = [];
    for (let after: string | undefined; ;) {
      const part = await as(ada).contacts({ user_id: ada, limit: 2, after });
      seen.push(...part.map(({ contact_id }) => contact_id));
      if (part.length < 2) break;
      after = part.at(-1)!.id;
    }
    expect(seen.sort()).toEqual(others.sort());
  });

  it('stand among everybody, who come in parts as well', async () => {
    const { id, created_at } = await add(ada, ben, 'Ben');
    const all: { id: string; contact_id: string }[] = [];
    for (let after: string | undefined; ;) {
      const part = await as(ada).allUsers({ user_id: ada, limit: 3, after });
      all.push(...part);
      if (part.length < 3) break;
      after = part.at(-1)!.contact_id;
    }
    expect(new Set(all.map(({ contact_id }) => contact_id)).size).toBe(all.length);
    expect(all.find(({ contact_id }) => contact_id === ada)).toBeUndefined();
    expect(all.find(({ contact_id }) => contact_id === ben)).toMatchObject({ id, nickname: 'Ben', created_at, user_id: ada });
    const carol = await home.addUser();
    const [stranger] = (await as(ada).allUsers({ user_id: ada })).filter(({ contact_id }) => contact_id === carol);
    expect(stranger).toMatchObject({ id: carol, user_id: ada, nickname: null, contact_email: `${carol}@example.com` });
  });

  it.each(['x'.repeat(256), 'a\0b', '\ud800'])('have no nickname that no database keeps (%#)', async (nickname) => {
    await expect(add(ada, ben, nickname)).rejects.toMatchObject({ code: 'invalid_input', status: 422 });
    const { id } = await add(ada, ben);
    await expect(as(ada).renameContact({ contact_id: id, nickname })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('an admin makes them on both sides, also where one is there already', async () => {
    await add(ben, ada);
    const draft = { admin_id: ada, user_id: ben };
    await expect(as(ada).addContactAsAdmin(draft)).rejects.toMatchObject({ status: 403, detail: 'Only admins can add contacts' });
    await expect(asAdmin(ben).addContactAsAdmin(draft)).rejects.toMatchObject({ code: 'user.not_yourself', status: 403 });
    await expect(asAdmin(ada).addContactAsAdmin({ ...draft, user_id: randomUUID() })).rejects.toMatchObject({ code: 'user.not_found' });
    expect(await asAdmin(ada).addContactAsAdmin(draft)).toEqual({ status: 'success', message: 'Contact added successfully' });
    expect([await namesOf(ada), await namesOf(ben)]).toEqual([[ben], [ada]]);
    await expect(asAdmin(ada).addContactAsAdmin(draft)).rejects.toMatchObject({ code: 'user.contact_exists', status: 400 });
    expect(await announced()).toHaveLength(2);
  });

  it('an admin sees everybody, with roles', async () => {
    await add(ada, ben);
    await home.admin(`UPDATE ${home.isLegacy ? 'users' : 'banyan_user.user_profiles'} SET role = 'admin', full_name = NULL WHERE id = $1`, [
      ben,
    ]);
    await as(ben).block({ user_id: ada });
    const listed = await asAdmin(ada).listUsers({ admin_id: ada });
    expect(listed.find(({ id }) => id === ben)).toMatchObject({
      email: `${ben}@example.com`,
      full_name: '',
      role: 'admin',
      is_contact: true,
    });
    expect(listed.find(({ id }) => id === ada)).toBeUndefined();
    expect(await asAdmin(ada).listUsers({ admin_id: ada, limit: 1 })).toHaveLength(1);
    await expect(as(ada).listUsers({ admin_id: ada })).rejects.toMatchObject({ status: 403, detail: 'Only admins can view all users' });
    await expect(asAdmin(ada).listUsers({ admin_id: ben })).rejects.toMatchObject({ code: 'user.not_yourself' });
  });

  describe('who is blocked', () => {
    const block = (by: string, user_id: string) => as(by).block({ user_id });
    const mayWrite = async (from: string, to: string) => (await as('system').canMessage({ from, to })).allowed;

    it('finds as little as of somebody who has no account, and nothing passes between the two', async () => {
      await add(ada, ben);
      const { email } = await as(ada).find({ user_id: ben });
      await block(ben, ada);
      const nobody = randomUUID();
      for (const user_id of [ben, nobody]) {
        const notFound = { code: 'user.not_found', status: 404 };
        await expect(as(ada).find({ user_id })).rejects.toMatchObject(notFound);
        await expect(as(ada).publicProfile({ user_id })).rejects.toMatchObject(notFound);
        await expect(as(ada).keyHistory({ user_id })).rejects.toMatchObject(notFound);
        await expect(add(ada, user_id)).rejects.toMatchObject(notFound);
        expect(await mayWrite(ada, user_id)).toBe(false);
        expect(await block(ada, user_id)).toEqual({ status: 'User blocked' });
        expect(await as(ada).blocks({})).toEqual([]);
      }
      await expect(as(ada).findByEmail({ email })).rejects.toMatchObject({ code: 'user.not_found' });
      expect(await as(ada).search({ email })).toEqual([]);
      expect(await namesOf(ada)).toEqual([]);
      expect((await as(ada).allUsers({ user_id: ada })).map(({ contact_id }) => contact_id)).not.toContain(ben);
      await as(ada).unblock({ user_id: ben });
      expect(await mayWrite(ben, ada)).toBe(false);
    });

    it('is let in again as before', async () => {
      await add(ada, ben);
      await block(ben, ada);
      expect(await as(ben).blocks({})).toMatchObject([{ user_id: ada, username: `user ${ada}`, full_name: null }]);
      expect(await as(ben).find({ user_id: ada })).toMatchObject({ id: ada });
      for (let i = 0; i < 2; i++) expect(await as(ben).unblock({ user_id: ada })).toEqual({ status: 'User unblocked' });
      expect([await mayWrite(ada, ben), await mayWrite(ben, ada), await namesOf(ada)]).toEqual([true, true, [ben]]);
      expect(await as(ben).blocks({})).toEqual([]);
    });

    it('blocked the other one before: both blocks are kept, so taking one back opens nothing', async () => {
      await block(ada, ben);
      await block(ben, ada);
      await as(ben).unblock({ user_id: ada });
      expect([await mayWrite(ada, ben), await mayWrite(ben, ada)]).toEqual([false, false]);
    });

    it('is never oneself', async () => {
      await expect(block(ada, ada)).rejects.toMatchObject({ code: 'user.cannot_block_yourself', status: 400 });
      expect(await mayWrite(ada, ada)).toBe(true);
    });
  });
});
