import { type DomainEntry, type DomainName, domains } from '@banyan/domains';
import { countOnlyHere } from '@banyan/migration/adoption/only-here';
import { type QueueReport, reportQueue } from '@banyan/migration/adoption/unqueued';
import { DataHomes } from '@banyan/migration/homes/data-homes';
import { tablesWithRows } from '@banyan/migration/homes/rows';
import { checkLegacy, type LegacyReport } from '@banyan/migration/prepare/check';
import { prepareLegacy, removeLegacy } from '@banyan/migration/prepare/prepare';
import { preparedBy, withLegacy } from '@banyan/migration/prepare/prepared';
import { makeSideTables, pendingSideTables } from '@banyan/migration/prepare/side';
import { StartupError } from '@banyan/platform/config/startup-error';
import { jwtSecret } from '@banyan/platform/config/jwt-secret';
import type { Settings } from '@banyan/platform/config/table';
import { LegacyQueue } from '@banyan/relay/legacy-queue';
import { Command } from 'commander';
import { type Client, DatabaseError } from 'pg';
import { domainsWithData, homeReach, settingsHere, withHostDatabase } from '../databases';
import { NeedsAttention } from '../exit';
import { print, printJson, table } from '../terminal';

/** `banyan legacy`: look at the monolith's database, make new code able to work on it, take that back. */
export function legacyCommand(): Command {
  return new Command('legacy')
    .description(
      "look at the legacy database, prepare it for new code, or take that back (LEGACY_DATABASE_URL names it by its owner's login)",
    )
    .helpCommand(false)
    .addCommand(checkCommand())
    .addCommand(prepareCommand())
    .addCommand(queueCommand())
    .addCommand(removeCommand());
}

function checkCommand(): Command {
  return new Command('check')
    .description(
      'what is there: version, variant of the schema, rights, rows, oddities; changes nothing (exit status 3 if it cannot be prepared)',
    )
    .option('--json', 'as JSON: {server_version, database, user, variant, prepared, obstacles, counts, oddities}')
    .action(async ({ json }: { json?: true }) => {
      const report = await withLegacy(legacyUrl(settingsHere()), checkLegacy);
      if (json) printJson(report);
      else print(describe(report));
      const { length } = report.obstacles;
      if (length > 0) throw new NeedsAttention(length === 1 ? '1 thing is in the way.' : `${length} things are in the way.`);
    });
}

function prepareCommand(): Command {
  return new Command('prepare')
    .description('add the schemas banyan_* with views, triggers and side tables, and indexes banyan_*; nothing else; can be repeated')
    .option('--dry-run', 'print the SQL, do nothing')
    .option('--json', 'as JSON: {variant, statements}')
    .action(async ({ dryRun, json }: { dryRun?: true; json?: true }) => {
      const url = legacyUrl(settingsHere());
      const { variant, statements } = await withLegacy(url, async (client) => {
        // Asked before anything is made: views and side tables are told apart by what is there.
        const side = await pendingSideTables(client);
        const prepared = await prepareLegacy(client, { dryRun: dryRun ?? false });
        return { variant: prepared.variant, statements: [...prepared.statements, ...side] };
      });
      if (!dryRun) await makeSideTables(url);
      if (json) return printJson({ variant, statements });
      if (dryRun) return print(statements.length > 0 ? `${statements.join('\n\n')}\n` : '-- Nothing to do: the database is prepared.\n');
      print(
        statements.length > 0
          ? 'The legacy database is prepared. New code works on it when you say so: banyan data --legacy\n'
          : 'The legacy database was prepared before; nothing had to be done.\n',
      );
    });
}

function removeCommand(): Command {
  return new Command('remove')
    .description('take away what prepare has added; refused while it is the home of a table set')
    .option('--force', 'although messages or events wait in the side tables: they are lost. And without asking host_db, if that is gone')
    .option('--json', 'as JSON: {roles_kept}')
    .action(async ({ force, json }: { force?: true; json?: true }) => {
      const settings = settingsHere();
      const url = legacyUrl(settings);
      const facts = [...(await homesInTheWay(settings, force ?? false)), ...(force ? [] : await rowsInTheWay(url))];
      if (facts.length > 0) throw new Error(facts.join('\n'));
      const { rolesKept } = await withLegacy(url, removeLegacy);
      if (json) return printJson({ roles_kept: rolesKept });
      const kept = rolesKept.length > 0 ? ` The roles ${rolesKept.join(', ')} stay: other databases of the server use them.` : '';
      print(`The legacy database is as it was before it was prepared.${kept}\n`);
    });
}

function queueCommand(): Command {
  return new Command('queue')
    .description("what of the monolith's relay queue, which is in its memory, outlives its process, and what may not")
    .option('--json', 'as JSON: {kept, only_here (null while the monolith does not answer), unqueued: {count, newest, examples}}')
    .action(async ({ json }: { json?: true }) => {
      const { schema } = domains.message;
      const settings = settingsHere();
      const report = await withLegacy(legacyUrl(settings), async (client) => {
        if (!(await preparedBy(client, schema))) throw new StartupError('The legacy database is not prepared: run banyan legacy prepare.');
        const { kept, unqueued } = await reportQueue(client);
        return { kept, only_here: await onlyHere(settings, client), unqueued };
      });
      if (json) printJson(report);
      else print(describeQueue(report));
    });
}

/** Null if it cannot be told. */
async function onlyHere(settings: Settings, client: Client): Promise<number | null> {
  if (!settings.LEGACY_URL) return null;
  const queue = new LegacyQueue(settings.LEGACY_URL, await jwtSecret(settings));
  return countOnlyHere(client, (userId) => queue.pending(userId)).catch((error: unknown) => {
    if (error instanceof DatabaseError) throw error;
    return null;
  });
}

const onlyHereInWords = (count: number | null): string => {
  if (count === null) return 'Whether something waits only here cannot be told: the monolith does not answer.';
  return count === 0 ? 'Nothing waits only here.' : `Waiting only here: ${count}. The monolith does not have them in its memory.`;
};

function describeQueue({ kept, only_here, unqueued: { count, newest, examples } }: QueueReport & { only_here: number | null }): string {
  const safe = `Kept here as well: ${kept}. They outlive the monolith's process.\n${onlyHereInWords(only_here)}\n`;
  if (count === 0) return `${safe}Nothing else of the last 7 days can be waiting in its memory.\n`;
  return `${safe}In no queue here, and not read: ${count} of the last 7 days, the newest of ${newest!.slice(0, 16).replace('T', ' ')} UTC.
They did not come through a host that works on this database. Those that the monolith had not delivered when its process ended are
lost from the queue; they stay in the conversations. The newest: ${examples.join(' ')}
`;
}

/** What `--force` cannot take away: processes would go on looking for the views. */
async function homesInTheWay(settings: Settings, force: boolean): Promise<string[]> {
  try {
    return await withHostDatabase(settings, async (database) => {
      const homes = await new DataHomes(database, settings.ROUTES, await homeReach(settings)).list();
      const there = [...homes].filter(([, decision]) => decision?.home === 'legacy').map(([name]) => name);
      return there.length > 0
        ? [`The data of ${there.join(', ')} is at home in the legacy database: banyan data --none (or --own) first.`]
        : [];
    });
  } catch (error) {
    if (force && error instanceof StartupError) return [];
    throw error;
  }
}

async function rowsInTheWay(url: string): Promise<string[]> {
  const facts: string[] = [];
  for (const domain of domainsWithData as DomainName[]) {
    const { schema } = domains[domain] as DomainEntry;
    for (const name of await tablesWithRows(url, domain)) {
      facts.push(
        `${name} has rows that are kept nowhere else${name === `${schema}.outbox` ? ' (a running server publishes them within a second)' : ''}; --force drops them.`,
      );
    }
  }
  return facts;
}

function legacyUrl({ LEGACY_DATABASE_URL }: Settings): string {
  if (LEGACY_DATABASE_URL) return LEGACY_DATABASE_URL;
  throw new StartupError(
    'LEGACY_DATABASE_URL is not set: it should be the address of the legacy database, with the login that owns its tables.',
  );
}

function describe({ server_version, database, user, variant, prepared, obstacles, counts, oddities }: LegacyReport): string {
  const preparation = { no: 'not prepared', older: 'prepared by another version: run banyan legacy prepare', yes: 'prepared' }[prepared];
  const head = [
    `PostgreSQL ${server_version}, database ${database}, as ${user}`,
    `Variant: ${variant ?? 'unknown'}${variant === 'bytea' ? ' (made by the migration files)' : variant === 'text' ? ' (made by the application)' : ''}; ${preparation}`,
  ];
  const rows = table(
    [{ heading: 'TABLE' }, { heading: 'ROWS', right: true }],
    Object.entries(counts).map(([name, count]) => [name, String(count)]),
  );
  const odd =
    oddities.length === 0
      ? 'No oddities.\n'
      : table(
          [{ heading: 'ODDITY' }, { heading: 'ROWS', right: true }, { heading: 'MEANING, EXAMPLES' }],
          oddities.flatMap(({ name, count, meaning, examples }) => [
            [name, String(count), meaning],
            ['', '', examples.join(' ')],
          ]),
        );
  const blocking = obstacles.map((sentence) => `! ${sentence}\n`).join('');
  return `${head.join('\n')}\n\n${rows}\n${odd}\n${blocking || 'Nothing is in the way of preparing it.\n'}`;
}
