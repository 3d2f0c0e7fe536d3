import { hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { tableSets } from '@banyan/domains';
import { DataHomes } from '@banyan/migration/homes/data-homes';
import type { DataHome } from '@banyan/platform/host/data-home.store';
import { Argument, Command } from 'commander';
import { homeReach, settingsHere, withHostDatabase } from '../databases';
import { dataHomeTable } from '../tables';
import { print, printJson } from '../terminal';

interface Options {
  readonly own?: true;
  readonly legacy?: true;
  readonly none?: true;
  readonly why: string;
  readonly json?: true;
}

/** How long a change is watched until every process works by it; opening a database takes its time. */
const WATCH_MS = 10_000;

/** `banyan data`: where the data of each table set is. `banyan data identity --legacy`: decide about one. */
export function dataCommand(): Command {
  return new Command('data')
    .description('show which database holds the data of each table set, or decide about one or all of them')
    .addArgument(new Argument('[set]', 'the table set; all by default').choices([...tableSets]))
    .option('--legacy', 'the legacy database, prepared before (banyan legacy prepare)')
    .option('--own', "the domains' own databases")
    .option('--none', 'none: new code refuses to work on it')
    .option('--why <text>', 'kept with the decision', 'no reason given')
    .option('--json', 'as JSON: [{table_set, home, last_change}], or {changed, version, following, live}')
    .action(async (set: string | undefined, options: Options, command: Command) => {
      const chosen = (['legacy', 'own', 'none'] as const).filter((home) => options[home]);
      if (chosen.length > 1) command.error('error: say one of --legacy, --own and --none', { exitCode: 2 });
      const settings = settingsHere();
      await withHostDatabase(settings, async (database) => {
        const homes = new DataHomes(database, settings.ROUTES, await homeReach(settings));
        const names = set ? [set] : tableSets;
        const [to] = chosen;
        return to ? decide(homes, names, to, options) : show(homes, names, options);
      });
    });
}

async function show(homes: DataHomes, names: readonly string[], { json }: Options): Promise<void> {
  const lines = [...(await homes.list())].filter(([name]) => names.includes(name));
  if (json) {
    return printJson(
      lines.map(([table_set, decision]) => {
        const { home = 'none', version, changed_at, changed_by, reason, previous } = decision ?? {};
        return { table_set, home, last_change: decision ? { version, at: changed_at, by: changed_by, reason, previous } : null };
      }),
    );
  }
  print(dataHomeTable(lines));
}

async function decide(homes: DataHomes, names: readonly string[], to: DataHome, { why, json }: Options): Promise<void> {
  const by = `cli ${userInfo().username}@${hostname()}`;
  const { changed, version } = await homes.change({ tableSets: names, to, by, why });
  const { following, live } = changed ? await watch(homes, version) : { following: 0, live: 0 };
  if (json) return printJson({ changed, version, following, live });
  const place = { own: "in the domains' own databases", legacy: 'in the legacy database', none: 'nowhere: new code refuses to work on it' }[
    to
  ];
  print(`The data of ${names.join(', ')} is ${changed ? 'now' : 'already'} ${place}.\n`);
  if (changed && live > 0) print(`${worked(following, live)}\n`);
}

function worked(following: number, live: number): string {
  if (following < live) return `${following} of ${live} processes work by it so far.`;
  return live === 1 ? 'The one running process works by it.' : `All ${live} processes work by it.`;
}

async function watch(homes: DataHomes, version: number): Promise<{ following: number; live: number }> {
  const until = performance.now() + WATCH_MS;
  for (;;) {
    const seen = await homes.followers(version);
    if (seen.following >= seen.live || performance.now() >= until) return seen;
    await sleep(50);
  }
}
