import { randomUUID } from 'node:crypto';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { type House, startHouse } from '../../../test/support/house';
import { userContract } from './contract';

describe.each(dataHomes.slice(0, 2))('a removed user, in $name', ({ open }) => {
  let home: DataHome;
  let house: House;
  let ada: string;
  let ben: string;
  const as = (caller: string) => house.as(caller, userContract);
  const emailOf = (id: string) => `${id}@example.com`;
  const purge = (user_id: string) => as('system').purge({ user_id });

  beforeAll(async () => {
    home = await open('auth', 'user');
    house = await startHouse({ domains: ['user'], home });
  });
  beforeEach(async () => {
    [ada, ben] = [await home.addUser(), await home.addUser()];
  });
  afterAll(async () => {
    await house?.close();
    await home?.close();
  });

  /** Rows of the domain's schema that have this text somewhere; on the legacy home, also of legacy's own tables. */
  async function rowsAbout(text: string): Promise<string[]> {
    const tables = await home.admin<{ name: string }>(
      `SELECT table_schema || '.' || table_name AS name FROM information_schema.tables
       WHERE table_schema = 'banyan_user' AND table_name NOT IN ('outbox', 'purged_users', 'profile_pending')`,
    );
    const found: string[] = [];
    for (const { name } of tables)
      if ((await home.admin(`SELECT FROM ${name} t WHERE t::text LIKE '%' || $1 || '%'`, [text])).length > 0) found.push(name);
    return found;
  }

  it('leaves nothing, however often it is asked for', async () => {
    await as(ada).addContact({ user_id: ada, contact_id: ben });
    await as(ben).addContact({ user_id: ben, contact_id: ada });
    await as(ada).storeKeyBackup({ encrypted_private_key: `backup of ${ada}` });
    await as(ada).block({ user_id: await home.addUser() });
    await as(await home.addUser()).block({ user_id: ada });
    await as(ada).sendInvitation({ inviter_email: emailOf(ada), invitee_email: `friend-${ada}@example.com` });
    const carol = await home.addUser();
    const { invitation_id } = await as(carol).sendInvitation({ inviter_email: emailOf(carol), invitee_email: emailOf(ada) });
    const token = (await as('system').invitationMail({ invitation_id })).url.split('/').at(-1)!;
    await as(ada).acceptInvitation({ token, new_user_id: ada });
    await as(carol).sendInvitation({ inviter_email: emailOf(carol), invitee_email: `x-${carol}@example.com` });
    expect(await rowsAbout(ada)).not.toEqual([]);
    for (let i = 0; i < 2; i++) expect(await purge(ada)).toEqual({});
    expect((await rowsAbout(ada)).filter((name) => name !== 'banyan_user.request_keys')).toEqual([]);
    expect(await home.admin('SELECT FROM banyan_user.request_keys WHERE user_id = $1', [ada])).toEqual([]);
    expect(await as(carol).invitations({})).toHaveLength(1);
    expect(await as(ben).find({ user_id: ben })).toMatchObject({ id: ben });
  });

  it('is nobody from then on', async () => {
    await purge(ada);
    await expect(as(ben).find({ user_id: ada })).rejects.toMatchObject({ code: 'user.not_found' });
    await expect(as(ben).addContact({ user_id: ben, contact_id: ada })).rejects.toMatchObject({ code: 'user.not_found' });
    expect(await as('system').canMessage({ from: ben, to: ada })).toEqual({ allowed: false });
    expect(await as('system').canMessage({ from: ada, to: ben })).toEqual({ allowed: false });
    await expect(as(ada).addContact({ user_id: ada, contact_id: ben })).rejects.toMatchObject({ code: 'user.not_found' });
  });

  it('is not made again by an event of his registration that comes late', async () => {
    await purge(ada);
    const draft = {
      user_id: ada,
      email: emailOf(ada),
      username: ada,
      full_name: null,
      public_key: null,
      created_at: '2026-01-30T12:57:45.421392Z',
    };
    await expect(as('system').createProfile(draft)).rejects.toMatchObject({ code: 'user.not_found' });
    const never = randomUUID();
    await purge(never);
    await expect(as('system').createProfile({ ...draft, user_id: never })).rejects.toMatchObject({ code: 'user.not_found' });
  });

  it('gets into no list while he is removed', async () => {
    const people = await Promise.all(Array.from({ length: 6 }, () => home.addUser()));
    await Promise.allSettled([
      ...people.map((id) => as(id).addContact({ user_id: id, contact_id: ada })),
      purge(ada),
      ...people.map((id) => as(ada).addContact({ user_id: ada, contact_id: id })),
    ]);
    expect(await home.admin('SELECT FROM banyan_user.contacts WHERE user_id = $1 OR contact_id = $1', [ada])).toEqual([]);
  });
});
