import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtSecret } from './jwt-secret';
import { loadSettings } from './settings';
import { StartupError } from './startup-error';

const all = mkdtempSync(join(tmpdir(), 'banyan-secret-'));
const folder = () => mkdtempSync(join(all, 'data-'));
const at = (dataDir: string) => loadSettings({ DATA_DIR: dataDir });

describe('the secret of access tokens', () => {
  afterAll(() => rmSync(all, { recursive: true }));

  it('is made once, readable by its owner only, and the same for all who start at the same time', async () => {
    const dataDir = join(folder(), 'new');
    const secrets = await Promise.all(Array.from({ length: 20 }, () => jwtSecret(at(dataDir))));
    expect(new Set(secrets).size).toBe(1);
    expect(secrets[0]?.length).toBeGreaterThanOrEqual(32);
    expect(readdirSync(dataDir)).toEqual(['jwt-secret']);
    expect(statSync(join(dataDir, 'jwt-secret')).mode & 0o777).toBe(0o600);
    expect(await jwtSecret(at(dataDir))).toBe(secrets[0]);
  });

  it('is JWT_SECRET_KEY where that is set, and nothing is written', async () => {
    const dataDir = folder();
    const given = 'q8Zr3Vn1Xw6Lk0Ty5Pb9Gc2Hd7Js4Mf_';
    expect(await jwtSecret(loadSettings({ DATA_DIR: dataDir, JWT_SECRET_KEY: given }))).toBe(given);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('stops the start with a sentence when it is damaged, and is left as it is', async () => {
    const dataDir = folder();
    writeFileSync(join(dataDir, 'jwt-secret'), 'cut');
    await expect(jwtSecret(at(dataDir))).rejects.toThrow(/^The secret in .* is damaged/);
    expect(readFileSync(join(dataDir, 'jwt-secret'), 'utf8')).toBe('cut');
  });

  it('stops the start with a sentence when DATA_DIR is no folder', async () => {
    const file = join(folder(), 'file');
    writeFileSync(file, '');
    const refused = jwtSecret(at(file));
    await expect(refused).rejects.toBeInstanceOf(StartupError);
    await expect(refused).rejects.toThrow(/^DATA_DIR should be a folder this user can write/);
  });
});
