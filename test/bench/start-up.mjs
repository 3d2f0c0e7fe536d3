/** From nothing to ready: the embedded server, on an empty folder and again on the same one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { number, printTable, withSpread } from './figures.mjs';
import { startBanyan } from './programs.mjs';
import { residentMb } from './usage.mjs';

/** Until what a start leaves behind has been collected. */
const IDLE_MS = 3_000;

export async function measureStartUp(folder, { rounds }) {
  console.log('\nStarting …');
  const first = [];
  const second = [];
  const idleMb = [];
  for (let round = 0; round < rounds; round++) {
    const place = mkdtempSync(join(folder, 'start-'));
    for (const times of [first, second]) {
      const banyan = await startBanyan({ DATA_DIR: join(place, 'data') }, { cwd: place });
      times.push(banyan.startedInMs / 1_000);
      if (times === second) {
        await delay(IDLE_MS);
        idleMb.push(residentMb(banyan.pid) ?? NaN);
      }
      await banyan.stop();
    }
    rmSync(place, { recursive: true, force: true });
  }
  printTable(
    'Start, with everything embedded',
    ['', ''],
    [
      ['first start (initdb, migrations), seconds from spawn to ready', withSpread(first, 2)],
      ['second start, seconds', withSpread(second, 2)],
      ['resident memory of an idle server (without PostgreSQL), MB', withSpread(idleMb)],
    ],
  );
}

/** @param states [what it was doing, MB] */
export function printMemory(states) {
  const rows = states.map(([when, mb]) => [when, mb === undefined ? 'unknown here' : number(mb)]);
  printTable('Resident memory of a server on PostgreSQL and Redis, MB', ['', ''], rows);
}
