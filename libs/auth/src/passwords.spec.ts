import { hash as argon2 } from '@node-rs/argon2';
import { hashSync } from '@node-rs/bcrypt';
import { Passwords } from './passwords';

const passwords = new Passwords();
const bcrypt = (password: string | Buffer, version: string) => hashSync(password, 4).replace(/^\$2.\$/, `$2${version}$`);
const LONG = `${'x'.repeat(71)}é and so on`; // the 72nd byte is half of a letter

describe('a password', () => {
  it('is kept as argon2id with what OWASP recommends, each time under another salt, and verifies', async () => {
    const [first, second] = [await passwords.hash('correct horse'), await passwords.hash('correct horse')];
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(first.length).toBeLessThanOrEqual(255);
    expect(second).not.toBe(first);
    expect(await passwords.verify('correct horse', first)).toBe(true);
    expect(await passwords.verify('correct horse ', first)).toBe(false);
  });

  it('is kept as legacy keeps it while legacy reads it', async () => {
    const kept = await passwords.hashForLegacy('correct horse');
    expect(kept).toMatch(/^\$2b\$12\$[./A-Za-z0-9]{53}$/);
    expect(await passwords.verify('correct horse', kept)).toBe(true);
    expect(await passwords.verify('wrong horse', kept)).toBe(false);
  });

  it.each(['a', 'b', 'y'])('of a legacy account verifies by its $2%s$ hash', async (version) => {
    const kept = bcrypt('correct horse', version);
    expect(await passwords.verify('correct horse', kept)).toBe(true);
    expect(await passwords.verify('wrong horse', kept)).toBe(false);
  });

  it('of a legacy account counts up to its 72nd byte, as it did there', async () => {
    const kept = bcrypt(Buffer.from(LONG).subarray(0, 72), 'b');
    expect(await passwords.verify(LONG, kept)).toBe(true);
    expect(await passwords.verify(`${LONG.slice(0, 72)} and otherwise`, kept)).toBe(true);
    expect(await passwords.verify('x'.repeat(71), kept)).toBe(false);
  });

  it('counts whole in an account of ours', async () => {
    expect(await passwords.verify(`${LONG} `, await passwords.hash(LONG))).toBe(false);
  });

  it.each([undefined, '', 'correct horse', '$argon2id$broken', '$2b$12$x', '$1$abc', `$2z$${'a'.repeat(56)}`])(
    'fits nothing that is no hash: %j',
    async (kept) => {
      expect(await passwords.verify('correct horse', kept)).toBe(false);
    },
  );

  it('does not fit the hash that unknown accounts are compared with', async () => {
    expect(await passwords.verify('no account has this password', undefined)).toBe(false);
  });

  it('waits its turn, and is refused when too many wait', async () => {
    const quick = await argon2('x', { memoryCost: 8, timeCost: 1, parallelism: 1 });
    const ends = await Promise.allSettled(Array.from({ length: 400 }, () => passwords.verify('x', quick)));
    const refused = ends.filter((end) => end.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const end of refused) expect(end).toMatchObject({ reason: { code: 'unavailable', status: 503 } });
    expect(ends.filter((end) => end.status === 'fulfilled' && end.value)).toHaveLength(400 - refused.length);
    expect(await passwords.verify('x', quick)).toBe(true);
  });
});
