import { randomUUID } from 'node:crypto';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { type House, startHouse } from '../../../test/support/house';
import { userContract } from './contract';

describe.each(dataHomes.slice(0, 2))('key backups, through their contract, in $name', ({ open }) => {
  let home: DataHome;
  let house: House;
  let ada: string;
  const users = () => house.as(ada, userContract);
  const store = (encrypted_private_key: string) => users().storeKeyBackup({ encrypted_private_key });
  const kept = async () => {
    const list = await users().keyBackups({});
    return Promise.all(list.map(async ({ id }) => (await users().oldKeyBackup({ backup_id: id })).encrypted_private_key));
  };

  beforeAll(async () => {
    home = await open('auth', 'user');
    house = await startHouse({ domains: ['user'], home });
  });
  beforeEach(async () => {
    ada = await home.addUser();
  });
  afterAll(async () => {
    await house?.close();
    await home?.close();
  });

  it('that were replaced can still be had, with the key that they belong to', async () => {
    await users().setPublicKey({ public_key: 'one' });
    await store('first');
    await users().setPublicKey({ public_key: 'two' });
    await store('second');
    await store('second');
    const list = await users().keyBackups({});
    expect(list).toMatchObject([
      { public_key: 'two', is_current: true },
      { public_key: 'one', is_current: false },
    ]);
    expect(await users().oldKeyBackup({ backup_id: list[1]!.id })).toEqual({ ...list[1], encrypted_private_key: 'first' });
    expect(await users().keyBackup({})).toEqual({ has_backup: true, encrypted_private_key: 'second' });
  });

  it('that somebody else stored are kept when they are replaced', async () => {
    await home.admin(`UPDATE ${home.isLegacy ? 'users' : 'banyan_user.user_profiles'} SET encrypted_private_key = 'theirs' WHERE id = $1`, [
      ada,
    ]);
    await store('ours');
    expect(await kept()).toEqual(['ours', 'theirs']);
  });

  it('are all kept when several devices store at once', async () => {
    const other = Array.from({ length: 6 }, (_, n) => `backup ${n}`);
    await Promise.all(other.map(store));
    expect((await kept()).sort()).toEqual(other);
  });

  it('are bounded, but the first of each key stays', async () => {
    await users().setPublicKey({ public_key: 'one' });
    for (let n = 0; n < 15; n++) await store(`one ${n}`);
    await users().setPublicKey({ public_key: 'two' });
    await store('two');
    const newest = Array.from({ length: 9 }, (_, n) => `one ${14 - n}`);
    expect(await kept()).toEqual(['two', ...newest, 'one 0']);
  });

  it('of others are not there', async () => {
    await store('mine');
    const [backup] = await users().keyBackups({});
    ada = await home.addUser();
    await expect(users().oldKeyBackup({ backup_id: backup!.id })).rejects.toMatchObject({ code: 'user.key_backup_not_found', status: 404 });
    ada = randomUUID();
    await expect(users().keyBackups({})).rejects.toMatchObject({ code: 'user.not_found' });
  });
});
