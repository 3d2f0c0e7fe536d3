import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StartupError } from './startup-error';
import type { Settings } from './table';

/**
 * The secret that signs access tokens: JWT_SECRET_KEY, or the one kept in DATA_DIR for the embedded mode. That is made once,
 * readable by its owner only; of several starting processes all get the same.
 *
 * @throws StartupError if DATA_DIR cannot be used or what is kept there was damaged
 */
export async function jwtSecret({ JWT_SECRET_KEY, DATA_DIR }: Settings): Promise<string> {
  if (JWT_SECRET_KEY !== undefined) return JWT_SECRET_KEY;
  const path = join(DATA_DIR, 'jwt-secret');
  let secret: string;
  try {
    secret = (await kept(path)) ?? (await make(DATA_DIR, path));
  } catch (error) {
    throw new StartupError(
      `DATA_DIR should be a folder this user can write; ${DATA_DIR} is not (${(error as NodeJS.ErrnoException).code}).`,
    );
  }
  if (secret.length >= 32) return secret;
  throw new StartupError(`The secret in ${path} is damaged; restore it, or delete it, which ends every session.`);
}

async function kept(path: string): Promise<string | undefined> {
  try {
    const secret = (await readFile(path, 'utf8')).trim();
    await chmod(path, 0o600); // a copy or a restored backup may have opened it
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function make(folder: string, path: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(48).toString('base64url')}\n`);
    await file.sync();
    await link(draft, path); // a whole file or none, and never over another's: whoever comes second reads the first one's
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
  return (await readFile(path, 'utf8')).trim();
}
