/**
 * What must be there before anything of this repository can run: the packages of the lock file and the compiled program. Runs on bare
 * Node; does nothing, quickly, when everything is there.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const mainFile = join(root, 'dist/apps/server/src/main.js');

/** Cannot go on; the message is one sentence that says what to do. */
export class Refusal extends Error {}

/**
 * Install and compile what is missing or out of date.
 *
 * @throws Refusal
 */
export async function prepare() {
  requireNode();
  if (isInstalled() && isBuilt()) return;
  await alone(async () => {
    if (!isInstalled()) await install();
    if (!isBuilt()) await build();
  });
}

/** Run `work`; a Refusal ends the program with its sentence and exit code 1. */
export async function orExplain(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Refusal(`Banyan needs Node 20.19 or newer and this is ${process.versions.node}: install a newer one from https://nodejs.org.`);
}

/** npm writes `node_modules/.package-lock.json` last and removes it first, so it tells what is really there. */
function isInstalled() {
  const wanted = readJson('package-lock.json');
  const present = readJson('node_modules/.package-lock.json');
  if (!wanted) throw new Refusal(`There is no package-lock.json in ${root}: take a complete checkout.`);
  if (!present) return false;
  const isComplete = Object.entries(wanted.packages).every(([path, { version, optional }]) => {
    if (path === '') return true;
    const found = present.packages[path];
    return found ? found.version === version : optional;
  });
  // node_modules may come from another machine, through a volume or a copy.
  return isComplete && Object.values(present.packages).every((found) => fits(found.os, process.platform) && fits(found.cpu, process.arch));
}

function fits(list, value) {
  if (!list) return true;
  return list.includes(value) || (list.every((entry) => entry.startsWith('!')) && !list.includes(`!${value}`));
}

async function install() {
  requireOwn(join(root, 'node_modules'));
  requireWritable(root, join(root, 'node_modules'));
  console.log('Installing the packages of package-lock.json (once; about a minute) …');
  // A server needs the compiler here, whatever NODE_ENV says; no package reports home.
  const env = { ...process.env, SCARF_ANALYTICS: 'false', DO_NOT_TRACK: '1' };
  const parameters = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath ?? '';
  const [command, ...before] = npm.endsWith('npm-cli.js') ? [process.execPath, npm] : ['npm'];
  const { code, output } = await run(command, [...before, ...parameters], env);
  if (code !== 0) {
    process.stderr.write(output);
    throw new Refusal('`npm ci` failed (its words are above): see that this machine reaches its npm registry, then start again.');
  }
}

/** A hash of everything that is compiled, kept beside the result. */
function isBuilt() {
  return existsSync(mainFile) && readText('dist/.sources') === hashOfSources();
}

async function build() {
  requireWritable(root, join(root, 'dist'));
  console.log('Compiling …');
  const hash = hashOfSources();
  rmSync(join(root, 'dist/.sources'), { force: true }); // an interrupted build is none
  const { code, output } = await run(process.execPath, [join(root, 'node_modules/@nestjs/cli/bin/nest.js'), 'build'], process.env);
  if (code !== 0 || !existsSync(mainFile)) {
    process.stderr.write(output);
    throw new Refusal('The program does not compile (the reasons are above): correct the sources and start again.');
  }
  writeFileSync(join(root, 'dist/.sources'), hash);
}

function hashOfSources() {
  const hash = createHash('sha256');
  const add = (path) => {
    if (statSync(join(root, path)).isDirectory()) for (const name of readdirSync(join(root, path)).sort()) add(`${path}/${name}`);
    else
      hash
        .update(`${path}\0`)
        .update(readFileSync(join(root, path)))
        .update('\0');
  };
  for (const path of ['apps', 'libs', 'migrations', 'nest-cli.json', 'tsconfig.json', '.swcrc', 'package-lock.json']) {
    if (existsSync(join(root, path))) add(path);
  }
  return hash.digest('hex');
}

/** One process at a time installs and compiles; `npm start` and `npm test` may be begun together. The kernel frees the name with its holder. */
async function alone(work) {
  if (process.platform !== 'linux') return work();
  const { dev, ino } = statSync(root, { bigint: true });
  const server = createServer();
  const isFree = () =>
    new Promise((resolve, reject) => {
      server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
      server.listen(`\0banyan-install-${dev}-${ino}`, () => resolve(true));
    });
  while (!(await isFree())) await delay(200);
  try {
    return await work();
  } finally {
    server.close();
  }
}

/** `npm ci` follows a link and empties what it leads to: the packages of somebody else. */
function requireOwn(path) {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink())
    throw new Refusal(
      `${path} is a link, and the packages it leads to are not those of package-lock.json: remove the link, then start again.`,
    );
}

function requireWritable(...paths) {
  for (const path of paths.filter(existsSync)) {
    try {
      accessSync(path, constants.W_OK);
    } catch (error) {
      throw new Refusal(`Cannot write to ${path} (${error.code}): give the checkout to this user, or copy it to a folder of its own.`);
    }
  }
}

function run(command, parameters, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

function readText(path) {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}

function readJson(path) {
  try {
    return JSON.parse(readText(path));
  } catch {
    return undefined; // missing, or torn by an interrupted install
  }
}
