import { randomUUID } from 'node:crypto';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { type House, startHouse } from '../../../test/support/house';
import { userContract } from './contract';

/** The two forms of the legacy database differ in messages only. */
describe.each(dataHomes.slice(0, 2))('users, through their contract, in $name', ({ open }) => {
  let home: DataHome;
  let house: House;
  let ada: string;
  const users = (caller: string = 'system') => house.as(caller, userContract);
  beforeAll(async () => {
    home = await open('auth', 'user');
    house = await startHouse({ domains: ['user'], home });
  });
  beforeEach(async () => {
    ada = await home.addUser();
    await home.admin('DELETE FROM banyan_user.outbox');
  });
  afterAll(async () => {
    await house?.close();
    await home?.close();
  });

  const changes = async () => (await home.admin<{ name: string }>('SELECT name FROM banyan_user.outbox')).map(({ name }) => name);

  it('are found by whoever is signed in, with their key and nothing private', async () => {
    await users(ada).setPublicKey({ public_key: 'QUJD' });
    await users(ada).storeKeyBackup({ encrypted_private_key: 'secret' });
    const known = { id: ada, email: `${ada}@example.com`, username: `user ${ada}`, full_name: null, is_active: true };
    expect(await users(randomUUID()).find({ user_id: ada.toUpperCase() })).toEqual({ ...known, public_key: 'QUJD' });
    const stranger = { ...known, avatar_url: null, bio: null, is_verified: false, created_at: null, public_key: null, role: 'user' };
    expect(await users(ada).search({ email: ` ${ada.slice(0, 20).toUpperCase()} ` })).toEqual([stranger]);
    expect(await users(ada).findByEmail({ email: known.email })).toEqual(stranger);
    expect(await users(ada).search({ email: '  ' })).toEqual([]);
  });

  it('are not found when there are none', async () => {
    const [nobody, notFound] = [randomUUID(), { code: 'user.not_found', status: 404 }];
    const ends = await Promise.allSettled([
      users(ada).find({ user_id: nobody }),
      users().profile({ user_id: nobody }),
      users(ada).findByEmail({ email: 'nobody@example.com' }),
      users(nobody).keyBackup({}),
      users(nobody).storeKeyBackup({ encrypted_private_key: 'x' }),
      users(nobody).setPublicKey({ public_key: 'x' }),
    ]);
    for (const end of ends) expect(end).toMatchObject({ reason: notFound });
  });

  it('can be written to if they are there', async () => {
    expect(await users().canMessage({ from: ada, to: ada })).toEqual({ allowed: true });
    expect(await users().canMessage({ from: ada, to: randomUUID() })).toEqual({ allowed: false });
  });

  it('replace their key as often as they like: the newest is theirs, and it is announced once', async () => {
    expect(await users(ada).setPublicKey({ public_key: 'one' })).toEqual({ success: true, public_key: 'one' });
    expect(await changes()).toEqual(['user.changed']);
    await users(ada).setPublicKey({ public_key: 'one' });
    expect(await changes()).toHaveLength(1);
    await users(ada).setPublicKey({ public_key: 'two' });
    await users(ada).setPublicKey({ public_key: 'one' });
    expect(await changes()).toHaveLength(3);
    expect(await users().profile({ user_id: ada })).toMatchObject({ public_key: 'one' });
  });

  it.each([undefined, null, ''])('need a key to replace theirs: not %j', async (public_key) => {
    await expect(users(ada).setPublicKey({ public_key })).rejects.toMatchObject({ code: 'user.public_key_required', status: 400 });
    expect(await changes()).toEqual([]);
  });

  it('get their key backup back byte for byte, and nobody else does', async () => {
    const other = await home.addUser();
    expect(await users(ada).keyBackup({})).toEqual({ has_backup: false, encrypted_private_key: null });
    for (const encrypted_private_key of ['', ' {"ct":"\\u0000"}\r\n', '\u{1f600} e\u0301']) {
      await users(ada).storeKeyBackup({ encrypted_private_key });
      expect(await users(ada).keyBackup({})).toEqual({ has_backup: true, encrypted_private_key });
    }
    expect(await users(other).keyBackup({})).toEqual({ has_backup: false, encrypted_private_key: null });
  });

  it.each(['a\0b', '\ud800', 'x'.repeat(100_001)])('cannot store what no database keeps (%#)', async (text) => {
    await expect(users(ada).storeKeyBackup({ encrypted_private_key: text })).rejects.toMatchObject({ code: 'invalid_input', status: 422 });
    await expect(users(ada).setPublicKey({ public_key: text })).rejects.toMatchObject({ code: 'invalid_input', status: 422 });
  });
});
