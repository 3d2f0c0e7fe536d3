import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LegacyProcess } from './legacy-app/legacy-process';
import { type LegacyDatabase, makeLegacyDatabase } from './legacy/legacy-database';
import { dropDatabases, freshEnvironment, TEST_SECRET } from './support/banyan';
import { findFreePort } from '@banyan/platform/embedded/free-port';
import { Shell } from './support/shell';
import { missingLine, shellBlocks } from './support/shell-blocks';

const root = join(__dirname, '..');
const file = join(root, 'docs/runbooks/migrate.md');

let database: LegacyDatabase;
let legacy: LegacyProcess;
let folder: string;
let shell: Shell;
let environment: Record<string, string>;
let ports: Record<string, string>;

beforeAll(async () => {
  database = await makeLegacyDatabase('text');
  legacy = await LegacyProcess.start({ databaseUrl: database.url, secret: TEST_SECRET });
  folder = await mkdtemp(join(tmpdir(), 'banyan-runbook-'));
  ports = { 8000: String(await findFreePort()), 8001: new URL(legacy.url).port };
  environment = {
    ...freshEnvironment({ redis: true }),
    PORT: ports[8000]!,
    LEGACY_URL: legacy.url,
    LEGACY_DATABASE_URL: database.url,
    LEGACY_UPLOADS_DIR: join(legacy.folder, 'uploads'),
    JWT_SECRET_KEY: TEST_SECRET,
    RATE_LIMITS: 'off',
  };
  await writeFile(
    join(folder, '.env'),
    Object.entries(environment)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  // What is built already is not built again, and nothing is installed.
  await program('npm', `[ "$1" = start ] && exec node ${join(root, 'dist/apps/server/src/main.js')}`);
  await program('npx', `[ "$1" = banyan ] && shift && exec node ${join(root, 'apps/cli/banyan.mjs')} "$@"`);
  const { PATH, HOME, TMPDIR } = process.env;
  shell = new Shell(folder, { PATH: `${join(folder, 'bin')}:${PATH}`, HOME, TMPDIR });
});

afterAll(async () => {
  await shell?.close();
  await legacy?.remove();
  await dropDatabases(environment);
  await database?.drop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function program(name: string, line: string): Promise<void> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  const path = join(folder, 'bin', name);
  await writeFile(path, `#!/bin/sh\n${line}\n`);
  await chmod(path, 0o755);
}

it('every command of the runbook does what the runbook says, in its order', async () => {
  const blocks = shellBlocks(await readFile(file, 'utf8'));
  expect(blocks.length).toBeGreaterThan(20);
  for (const { line, commands, exitCode, printed: expected } of blocks) {
    const { printed, exitCode: code } = await shell.run(commands.replace(/\b800[01]\b/g, (port) => ports[port]!));
    if (process.env.RUNBOOK_TRANSCRIPT) await writeFile(process.env.RUNBOOK_TRANSCRIPT, `--- ${line}\n${printed}`, { flag: 'a' });
    const missing = missingLine(printed, expected);
    // As one object, so that a failure shows the block beside what it printed.
    expect({ line, commands, exitCode: code, missing, printed }).toEqual({ line, commands, exitCode, missing: undefined, printed });
  }
}, 290_000);
