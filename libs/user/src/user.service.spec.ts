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
    while ((await home.admin('SELECT FROM banyan_user.user_profiles LIMIT 12')).length < 12) await home.addUser();
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

  it('tell what they like about themselves, and can take it back; others hear that it changed', async () => {
    const about = { full_name: 'Ada Ä \u{1f600}', bio: 'one\ntwo', avatar_url: 'https://example.com/a.png?x=1' };
    expect(await users(ada).updateProfile(about)).toMatchObject({ id: ada, ...about });
    expect(await changes()).toEqual(['user.changed']);
    await users(ada).updateProfile(about);
    expect(await changes()).toHaveLength(1);
    expect(await users(ada).updateProfile({ bio: null, avatar_url: '' })).toMatchObject({
      full_name: about.full_name,
      bio: null,
      avatar_url: null,
    });
    expect(await users(ada).updateProfile({ full_name: '', avatar_url: '/api/v1/media/files/0f-1.png' })).toMatchObject({
      full_name: null,
    });
    const seen = { id: ada, username: `user ${ada}`, full_name: null, avatar_url: '/api/v1/media/files/0f-1.png', bio: null };
    expect(await users(await home.addUser()).publicProfile({ user_id: ada })).toEqual(seen);
    expect(await users(ada).ownProfile({})).toMatchObject({ ...seen, email: `${ada}@example.com` });
  });

  it.each([
    ['full_name', 'x'.repeat(256)],
    ['full_name', 'a\0b'],
    ['bio', 'x'.repeat(501)],
    ['bio', '\ud800'],
    ['avatar_url', `https://example.com/${'x'.repeat(500)}`],
    ['avatar_url', 'javascript:alert(1)'],
    ['avatar_url', 'data:image/svg+xml,<svg/>'],
    ['avatar_url', 'https://user:word@example.com/'],
    ['avatar_url', 'https://exa mple.com/'],
    ['avatar_url', '/api/v1/media/files/../../auth/me'],
    ['avatar_url', '//example.com/a.png'],
  ])('cannot put into %s what is no such thing: %j', async (field, value) => {
    await expect(users(ada).updateProfile({ [field]: value })).rejects.toMatchObject({ code: 'invalid_input', status: 422 });
  });

  it('lose nothing when they change different things at once', async () => {
    await Promise.all([
      users(ada).updateProfile({ full_name: 'Ada' }),
      users(ada).updateProfile({ bio: 'bio' }),
      users(ada).updateProfile({ avatar_url: 'https://example.com/' }),
      users(ada).setPublicKey({ public_key: 'QUJD' }),
    ]);
    const all = { full_name: 'Ada', bio: 'bio', avatar_url: 'https://example.com/', public_key: 'QUJD' };
    expect(await users(ada).ownProfile({})).toMatchObject(all);
  });

  it('show every key that they have had', async () => {
    for (const public_key of ['one', 'two']) await users(ada).setPublicKey({ public_key });
    const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/) as string;
    const key = { key_id: expect.stringMatching(/^key-/) as string, algorithm: 'SECP256R1', created_at: instant };
    expect(await users(await home.addUser()).keyHistory({ user_id: ada })).toEqual([
      { ...key, key_data: 'one', status: 'inactive' },
      { ...key, key_data: 'two', status: 'active' },
    ]);
  });

  it('are found by less than three characters only at the beginning, by more anywhere; no character is special', async () => {
    const found = async (email: string) => (await users(ada).search({ email })).map(({ id }) => id);
    expect(await found(ada.slice(0, 3))).toContain(ada);
    expect(await found(`${ada.slice(9)}@EXAMPLE`)).toEqual([ada]);
    for (const text of ['%', '_', '%%%', '___', '\\\\\\', "'; --", '@@', '\u{1f600}', '\u{1f600}\u{1f600}\u{1f600}', 'İİİ'])
      expect(await found(text)).toEqual([]);
    expect(await found('@example.com')).toHaveLength(10);
    for (const text of ['a\0b', '\ud800', 'x'.repeat(255)])
      await expect(users(ada).search({ email: text })).rejects.toMatchObject({ code: 'invalid_input', status: 422 });
    expect(await users(ada).findByEmail({ email: ` ${ada}@EXAMPLE.com ` })).toMatchObject({ id: ada });
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
