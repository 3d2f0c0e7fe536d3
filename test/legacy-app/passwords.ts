import { hash, verify } from '@node-rs/bcrypt';

/** Legacy's own prefix; the package writes the same hash as `$2y$`. */
export async function hashPassword(password: string, cost: number): Promise<string> {
  return (await hash(firstBytes(password), cost)).replace(/^\$2\w\$/, '$2b$');
}

/** @throws Error if the hash is none of bcrypt's: legacy answers 500 */
export async function verifyPassword(password: string, passwordHash: string): Promise<boolean> {
  if (!/^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(passwordHash)) throw new Error('Invalid salt');
  return verify(firstBytes(password), passwordHash);
}

/** The rest of a longer one does not count. */
const firstBytes = (password: string): Buffer => Buffer.from(password).subarray(0, 72);
