/**
 * Private instances of real servers on free ports of 127.0.0.1, for tests and for development.
 *
 * A service is an entry of `services`; how each is found, prepared and asked whether it is up stands in its own file. What runs is kept
 * in `<folder>/services.json`, by which tests kill and restart servers (`servers.ts`), and by which a later run ends what a killed one
 * has left behind.
 *
 *     node test/support/services.mjs run redis postgres    private ones, until stdin ends; prints { env } as one line of JSON
 *     node test/support/services.mjs kill|start redis      in the instance whose file TEST_SERVICES_FILE names
 */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { Refusal } from '../../apps/server/install.mjs';
import { legacyPostgres, postgres } from './services/postgres.mjs';
import { end, freePort, identityOf, isAlive, isPortFree, launch, startTimeOf, reaped } from './services/processes.mjs';
import { rabbitmq } from './services/rabbitmq.mjs';
import { redis } from './services/redis.mjs';
import { s3 } from './services/s3.mjs';
import { docker, findSources } from './services/sources.mjs';

const services = [postgres, redis, legacyPostgres, rabbitmq, s3];
const temporaryPrefix = 'banyan-test-';

/**
 * Start them all at once.
 *
 * @param names which; all by default
 * @param folder keeps data, ports and passwords for the next time; without it they live in a temporary folder and go with `stop()`
 * @param fsync as a production server does it; by default only with a folder
 * @returns `settings` (DATABASE_URL …), `env` (TEST_DATABASE_URL …, TEST_SERVICES_FILE) and `stop()`
 * @throws Refusal when a program is missing and cannot be got, or the folder is in use
 */
export async function startServices({ names = services.map(({ name }) => name), folder, fsync = folder !== undefined } = {}) {
  const wanted = services.filter(({ name }) => names.includes(name));
  const sources = await findSources(wanted);
  await sweep();
  const isTemporary = folder === undefined;
  const place = folder ?? mkdtempSync(join(tmpdir(), `${temporaryPrefix}${process.pid}-`));
  const file = await open(place, isTemporary);
  const stop = async () => {
    await endAll(file);
    if (isTemporary) rmSync(place, { recursive: true, force: true });
  };
  // All of them have started or failed before any is stopped: none comes up behind our back.
  const results = await Promise.allSettled(wanted.map((service) => create(service, sources.get(service), { place, file, fsync })));
  const failure = results.find(({ status }) => status === 'rejected');
  if (failure) {
    await stop();
    throw failure.reason;
  }
  const settings = addressesOf(read(file), wanted);
  const env = Object.fromEntries(Object.entries(settings).map(([name, url]) => [`TEST_${name}`, url]));
  return { settings, env: { ...env, TEST_SERVICES_FILE: file }, stop };
}

/** @returns the settings of servers that another process keeps running in `folder`; undefined when there is none */
export function runningServices(folder) {
  const state = read(join(folder, 'services.json'));
  if (!state || !isAlive(state.owner)) return undefined;
  const running = services.filter(({ name }) => isRunning(state.services[name]));
  return addressesOf(state, running);
}

const isRunning = (record) => record !== undefined && (record.container !== undefined || (record.process && isAlive(record.process)));

function addressesOf({ services: records }, wanted) {
  const addresses = wanted.map((service) => {
    const record = records[service.name];
    return { [service.setting]: service.url(record), ...service.more?.(record) };
  });
  return Object.assign({}, ...addresses);
}

/** Take the folder, ending what a dead run left in it. */
async function open(place, isTemporary) {
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const file = join(place, 'services.json');
  const before = read(file);
  if (before && isAlive(before.owner)) throw new Refusal(`The servers in ${place} are running already (pid ${before.owner.pid}).`);
  if (before) await endAll(file);
  write(file, { owner: identityOf(process.pid), isTemporary, services: before?.services ?? {} });
  return file;
}

async function create(service, { binaries, container }, { place, file, fsync }) {
  const folder = join(place, service.name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const kept = read(file).services[service.name];
  const record = { folder, fsync, port: await keptOrFreePort(kept), password: kept?.password ?? randomBytes(16).toString('hex'), more: {} };
  for (const use of service.morePorts ?? []) record.more[use] = await keptOrFreePort(kept && { ...kept, port: kept.more[use] });
  if (container) record.container = kept?.container ?? createContainer(service, record);
  else record.start = { cwd: folder, log: join(folder, 'log'), ...(await service.prepare({ ...record, binaries })) };
  update(file, service.name, record);
  await start(service, file);
}

async function keptOrFreePort(kept) {
  if (kept && (kept.container || (await isPortFree(kept.port)))) return kept.port;
  return freePort();
}

function createContainer(service, record) {
  const { port, more = {}, env, command } = service.container(record);
  const name = `banyan-${service.name}-${randomBytes(4).toString('hex')}`;
  const variables = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  const ports = [[record.port, port], ...Object.entries(more).map(([use, inner]) => [record.more[use], inner])];
  const published = ports.flatMap(([outer, inner]) => ['--publish', `127.0.0.1:${outer}:${inner}`]);
  docker('create', '--name', name, ...published, ...variables, service.image, ...command);
  return name;
}

async function start(service, file) {
  const record = read(file).services[service.name];
  if (record.container) {
    docker('start', record.container);
    while (!(await service.isReady(record))) await new Promise((resolve) => setTimeout(resolve, 100));
    return;
  }
  await launch(record.start, {
    onSpawn: (process) => update(file, service.name, { process }),
    isReady: ({ pid }) => service.isReady({ ...record, pid }),
  });
}

async function kill(service, file) {
  const record = read(file).services[service.name];
  if (record.container) return docker('kill', record.container);
  await service.beforeKill?.(record);
  await end(record.process, 'SIGKILL');
  await reaped(record.process);
}

async function endAll(file) {
  const { services: records, isTemporary } = read(file);
  await Promise.all(
    services.map(async ({ name, stopSignal }) => {
      const { container, process } = records[name] ?? {};
      if (container && isTemporary) docker('rm', '--force', '--volumes', container);
      if (container && !isTemporary) docker('stop', container); // its data is in it
      if (process) await end(process, stopSignal);
      if (process) update(file, name, { process: undefined });
    }),
  );
}

/** End what runs have left that were killed themselves. */
async function sweep() {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(temporaryPrefix)) continue;
    const place = join(tmpdir(), name);
    try {
      // Another user's folder might name any process of ours.
      if (lstatSync(place).uid !== process.getuid?.()) continue;
      const file = join(place, 'services.json');
      const state = read(file);
      // Without a state it is just being made, or was written to by a test that outlived its run.
      if (state ? isAlive(state.owner) : startTimeOf(Number(name.split('-')[2]))) continue;
      if (state) await endAll(file);
      rmSync(place, { recursive: true, force: true });
    } catch (error) {
      console.error(`Cannot clear ${place}: ${error.message}`);
    }
  }
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function write(file, state) {
  writeFileSync(`${file}.new`, JSON.stringify(state, null, 2), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Reads and writes without a pause in between: services start at the same time. */
function update(file, name, change) {
  const state = read(file);
  state.services[name] = { ...state.services[name], ...change };
  write(file, state);
}

async function main([action, ...names]) {
  if (action === 'run') {
    const { env, stop } = await startServices({ names });
    console.log(JSON.stringify({ env }));
    await text(process.stdin);
    return stop();
  }
  const service = services.find(({ name }) => name === names[0]);
  const act = { kill, start }[action];
  if (!service || !act) throw new Refusal(`Say run, kill or start, and one of ${services.map(({ name }) => name).join(', ')}.`);
  await act(service, process.env.TEST_SERVICES_FILE);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(process.argv.slice(2)).catch((error) => {
    console.error(error instanceof Refusal ? error.message : error);
    process.exitCode = 1;
  });
}
