import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** A checkout whose one package comes from a folder of its own: npm installs it without a network. It stands where the compiler stands. */
let checkout: string;

const lock = (version: string) =>
  JSON.stringify({
    name: 'checkout',
    lockfileVersion: 3,
    packages: {
      '': { name: 'checkout', devDependencies: { '@nestjs/cli': 'file:compiler' } },
      compiler: { name: '@nestjs/cli', version, dev: true },
      'node_modules/@nestjs/cli': { resolved: 'compiler', link: true },
    },
  });
const compiler = `
  const fs = require('node:fs');
  fs.rmSync('dist', { recursive: true, force: true });
  if (fs.readFileSync('apps/server/src/main.ts', 'utf8').includes('wrong')) throw new Error('a wrong line');
  fs.mkdirSync('dist/apps/server/src', { recursive: true });
  fs.copyFileSync('apps/server/src/main.ts', 'dist/apps/server/src/main.js');`;
const main = `console.log('serving', require.main === module, process.env.GREETING); process.exitCode = 7;`;

const put = (path: string, content: string) => writeFile(join(checkout, path), content);

beforeEach(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'banyan-checkout-'));
  for (const folder of ['apps/server/src', 'compiler/bin']) await mkdir(join(checkout, folder), { recursive: true });
  for (const file of ['start.mjs', 'install.mjs']) await cp(join(__dirname, file), join(checkout, 'apps/server', file));
  await put('package.json', JSON.stringify({ name: 'checkout', devDependencies: { '@nestjs/cli': 'file:compiler' } }));
  await put('package-lock.json', lock('1.0.0'));
  await put('compiler/package.json', JSON.stringify({ name: '@nestjs/cli', version: '1.0.0' }));
  await put('compiler/bin/nest.js', compiler);
  await put('apps/server/src/main.ts', main);
});

afterEach(() => rm(checkout, { recursive: true, force: true }));

async function start(
  environment: NodeJS.ProcessEnv = {},
  ...flags: string[]
): Promise<{ code: number | null; steps: string[]; errors: string }> {
  const child = spawn(process.execPath, [...flags, join(checkout, 'apps/server/start.mjs')], { env: { ...process.env, ...environment } });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [code, output, errors] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  return {
    code,
    steps: output
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0]!),
    errors,
  };
}

const everything = ['Installing', 'Compiling', 'serving'];

describe('npm start', () => {
  it('installs and compiles once, then becomes the server, with its exit code', async () => {
    expect(await start({ NODE_ENV: 'production' })).toMatchObject({ code: 7, steps: everything });
    expect(await start()).toMatchObject({ code: 7, steps: ['serving'] });
  });

  it('compiles again when a source has changed, installs again when the lock has', async () => {
    await start();
    await put('apps/server/src/main.ts', main + ' // changed');
    expect((await start()).steps).toEqual(['Compiling', 'serving']);
    await put('compiler/package.json', JSON.stringify({ name: '@nestjs/cli', version: '1.0.1' }));
    await put('package-lock.json', lock('1.0.1'));
    expect((await start()).steps).toEqual(everything);
  });

  it('installs again after an install that was killed, and once when started twice at the same moment', async () => {
    await start();
    await rm(join(checkout, 'node_modules/.package-lock.json')); // npm writes it last
    const both = await Promise.all([start(), start()]);
    expect(both.map(({ code }) => code)).toEqual([7, 7]);
    expect(both.flatMap(({ steps }) => steps).sort()).toEqual(['Installing', 'serving', 'serving']);
  });

  it('reads .env, which gives way to the environment', async () => {
    await put('.env', 'GREETING=hello\n');
    await put('apps/server/src/main.ts', `console.log(process.env.GREETING);`);
    expect((await start()).steps.at(-1)).toBe('hello');
    expect((await start({ GREETING: 'welcome' })).steps.at(-1)).toBe('welcome');
  });

  it('shows why it does not compile, and does so when that is corrected', async () => {
    await put('apps/server/src/main.ts', 'wrong');
    const failed = await start();
    expect(failed).toMatchObject({ code: 1, errors: expect.stringContaining('a wrong line') as string });
    expect(failed.errors.trim().split('\n').at(-1)).toMatch(/^The program does not compile .* start again\.$/);
    await put('apps/server/src/main.ts', main);
    expect((await start()).steps).toEqual(['Compiling', 'serving']);
  });

  it('shows why it cannot install', async () => {
    await put('package-lock.json', lock('1.0.0').replace('"compiler"', '"elsewhere"'));
    const { code, errors } = await start();
    expect(code).toBe(1);
    expect(errors.trim().split('\n').at(-1)).toMatch(/^`npm ci` failed .* start again\.$/);
  });

  it('leaves the packages alone that a link leads to', async () => {
    const theirs = join(checkout, 'elsewhere');
    await mkdir(theirs);
    await put('elsewhere/kept', 'theirs');
    await symlink(theirs, join(checkout, 'node_modules'));
    const { code, errors } = await start();
    expect(code).toBe(1);
    expect(errors).toMatch(/node_modules is a link, .* remove the link, then start again\.\n$/);
    expect(await readFile(join(theirs, 'kept'), 'utf8')).toBe('theirs');
  });

  it('refuses an old Node in one sentence', async () => {
    const old = join(checkout, 'old.cjs');
    await writeFile(old, `Object.defineProperty(process.versions, 'node', { value: '18.20.1' });`);
    const { code, errors } = await start({}, '--require', old);
    expect({ code, errors }).toEqual({
      code: 1,
      errors: 'Banyan needs Node 20.19 or newer and this is 18.20.1: install a newer one from https://nodejs.org.\n',
    });
    await expect(readFile(join(checkout, 'node_modules'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
