/** What clients read most, each beside the bare program with the same statement over the same rows and indexes. */
import { Columns, compare, rate } from './compare.mjs';
import {
  BARE_DATABASES,
  CONVERSATION,
  fillForReading,
  GROUPS,
  MEMBERS,
  people,
  prepareBare,
  QUEUED,
  READERS,
  requestsOf,
} from './data.mjs';
import { number, printTable } from './figures.mjs';
import { startBanyan, startBare } from './programs.mjs';
import { judge } from './targets.mjs';
import { cpuMs, residentMb } from './usage.mjs';

const TARGET = 0.6;
const TITLES = { bare: 'bare', banyan: 'Banyan' };
const KINDS = {
  me: { title: 'GET /auth/me', connections: 50 },
  groups: { title: `GET /groups, ${GROUPS} of ${MEMBERS} members`, connections: 50 },
  conversation: { title: `GET /messages/conversation, 50 newest of ${number(CONVERSATION)}`, connections: 50 },
  // A queue is locked while it is handed out: one connection for each.
  fullQueue: { title: `GET /relay/pending, ${number(QUEUED)} messages`, connections: READERS },
};

export async function measureReading(place, { rounds, seconds, warmUpSeconds }) {
  const settings = place.settings('read');
  const bareSettings = place.databases(() => BARE_DATABASES.read);
  await prepareBare(place.servers.DATABASE_URL, BARE_DATABASES.read);
  const everybody = people();
  const requests = requestsOf(everybody, place.secret);
  const programs = [];
  try {
    const banyan = await startBanyan(settings, { cwd: place.folder, name: 'read' });
    programs.push(banyan);
    const bare = await startBare(bareSettings.MESSAGE_DATABASE_URL, place.secret);
    programs.push(bare);
    await Promise.all([settings, bareSettings].map((databases) => fillForReading(databases, everybody)));

    const measured = ({ url, pid }) => ({ url, meters: { program: () => cpuMs(pid), ...place.meters } });
    const both = { bare: measured(bare), banyan: measured(banyan) };
    const [rates, costs] = [[], []];
    let head;
    for (const [kind, { title, connections }] of Object.entries(KINDS)) {
      console.log(`\nReading: ${title} …`);
      const load = { connections, requestsFile: place.write(`read-${kind}`, requests[kind]), seconds };
      await compare(both, { ...load, rounds: 1, seconds: warmUpSeconds });
      const columns = new Columns(await compare(both, { ...load, rounds }), 'bare');
      head ??= columns.head(TITLES);
      rates.push(
        columns.line(`${title}: requests/s at ${connections} connections`, rate),
        columns.line('p50, ms', ({ p50Ms }) => p50Ms),
        columns.line('p99, ms', ({ p99Ms }) => p99Ms),
      );
      for (const [part, name] of Object.entries({ program: 'the program', postgres: 'PostgreSQL', redis: 'Redis', load: 'the load' }))
        costs.push(
          columns.line(part === 'program' ? `${title}: ${name}` : name, ({ us }) => us[part], {
            isShared: ['program', 'postgres'].includes(part),
          }),
        );
      judge(`${title}, to bare`, columns.ratios('banyan', rate), { atLeast: TARGET });
    }
    printTable('Reading', head, rates);
    printTable('Reading, processor time, µs a request', head, costs);
    console.log(
      `\nResident memory after reading: ${number(residentMb(banyan.pid) ?? NaN)} MB (bare: ${number(residentMb(bare.pid) ?? NaN)}).`,
    );
  } finally {
    await Promise.all(programs.map((program) => program.stop()));
  }
}
