/** The rooms of the bench that were asked for, one after the other. Imported by bench.mjs, once everything is installed and compiled. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { orExplain, Refusal } from '../../apps/server/install.mjs';
import { startServices } from '../support/services.mjs';
import { number } from './figures.mjs';
import { Place } from './place.mjs';
import { profileInto, stopAll } from './programs.mjs';
import { rooms } from './rooms.mjs';
import { judge, printTargets } from './targets.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    all: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    profile: { type: 'string' },
    ways: { type: 'string' },
  },
});

let interruption;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interruption = signal;
    stopAll();
  });
}

await orExplain(async () => {
  const wanted = roomsOf(options);
  const began = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  let services;
  try {
    describeMachine();
    if (options.profile !== undefined) {
      mkdirSync(options.profile, { recursive: true });
      profileInto(resolve(options.profile));
    }
    services = await startServices({ names: ['postgres', 'redis', 'rabbitmq'], fsync: true });
    const place = new Place(services, folder);
    const ways = options.ways && { ways: options.ways.split(',') };
    for (const name of wanted) {
      const { measure, ...sizes } = rooms[name];
      const entered = performance.now();
      await measure(place, { ...sizes[options.short ? 'short' : 'full'], ...ways });
      console.log(`\n(${name}: ${secondsSince(entered)} s)`);
    }
    const isUsual = options.only === undefined && !options.all;
    if (isUsual) judge('the whole run', [(performance.now() - began) / 1_000], { below: 600, digits: 0, unit: ' s' });
    printTargets();
    console.log(`\n${secondsSince(began)} s; load after: ${loadavg()[0].toFixed(1)}.`);
  } catch (error) {
    if (!interruption) throw error; // what was measured ended with it
    process.exitCode = 130;
  } finally {
    await services?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

function roomsOf({ only, all }) {
  const names = Object.keys(rooms);
  if (all) return names;
  if (only === undefined) return names.filter((name) => rooms[name].usual);
  const wanted = only.split(',');
  if (!wanted.every((name) => names.includes(name))) throw new Refusal(`--only takes some of ${names.join(', ')}, with commas.`);
  return wanted;
}

function describeMachine() {
  const load = loadavg()[0].toFixed(1);
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${process.platform} ${process.arch}, ${cpus().length} cores (load before: ${load}), ` +
      `${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`,
  );
}

function secondsSince(began) {
  return number((performance.now() - began) / 1_000);
}
