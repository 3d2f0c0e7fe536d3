import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const root = join(__dirname, '../../..');
const NOT_SOURCE = new Set(['node_modules', 'dist', '.git', '.data', '.services']);

/** A copy of this repository, to change. */
let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'banyan-new-domain-'));
  await cp(root, copy, { recursive: true, filter: (source) => !NOT_SOURCE.has(basename(source)) });
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
});

afterAll(() => rm(copy, { recursive: true, force: true }));

/** Runs in the copy; fails with what was printed. */
async function run(...[command, ...args]: [string, ...string[]]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { cwd: copy, maxBuffer: 1 << 26 }).catch(
    (error: Error & { stdout: string }) => {
      throw new Error(`${error.message}\n${error.stdout}`);
    },
  );
  return stdout;
}

const newDomain = (name: string) => run('npm', 'run', '--silent', 'new-domain', '--', name);

describe('npm run new-domain', () => {
  it('makes a domain that is clean, keeps the boundaries, and serves its route', async () => {
    await newDomain('calendar');
    const changed = ['libs/calendar', 'libs/domains.ts', 'apps/server/src/domains.ts'];
    await run('npx', 'prettier', '--check', ...changed, 'tsconfig.json'); // as `npm run lint` does, which takes its time over the rest
    await run('npx', 'eslint', ...changed);
    await run('npx', 'tsc', '--noEmit');
    await run('npx', 'depcruise', 'apps', 'libs');
    await run('npx', 'jest', '--ci', 'libs/calendar', 'test/contracts.spec.ts', 'apps/cli/picture.spec.ts');
  }, 240_000);

  it('refuses a name that is taken or cannot be one, and changes nothing', async () => {
    const before = await readFile(join(copy, 'libs/domains.ts'), 'utf8');
    for (const name of ['relay', 'platform', 'constructor2', 'Group', 'two words', '../out', ''])
      await expect(newDomain(name)).rejects.toThrow(/There is a room|Give the domain a name/);
    expect(await readFile(join(copy, 'libs/domains.ts'), 'utf8')).toBe(before);
  });
});
