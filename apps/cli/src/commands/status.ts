import { domains } from '@banyan/domains';
import type { Check } from '@banyan/migration/health/check';
import { reportQueue } from '@banyan/migration/adoption/unqueued';
import { checkSameLegacy } from '@banyan/migration/health/same-legacy';
import { look } from '@banyan/migration/health/look';
import { checkServers } from '@banyan/migration/health/servers';
import { type Saved, SavedStore } from '@banyan/migration/proxy/saved.store';
import type { DomainRoute } from '@banyan/migration/routes/contract';
import type { Mismatch, Processes } from '@banyan/migration/routes/processes';
import { toWeights } from '@banyan/migration/routes/shares';
import { nextSteps } from '@banyan/migration/status/next-steps';
import type { Sight } from '@banyan/migration/health/sight';
import type { Settings } from '@banyan/platform/config/table';
import type { Database } from '@banyan/platform/database/database';
import type { RouteWeights } from '@banyan/platform/dispatch/routes';
import type { StoredDataHome } from '@banyan/platform/host/data-home.store';
import type { InstanceReport } from '@banyan/platform/host/instance.store';
import { type AdoptionState, adoptionState } from '@banyan/relay/adoption';
import { Command } from 'commander';
import { settingsHere, withHostDatabase } from '../databases';
import { NeedsAttention } from '../exit';
import { see, sightAlone } from '../sight';
import { dataHomeTable, minute, routeTable } from '../tables';
import { duration, print, printJson, table } from '../terminal';

/** `banyan status`: one screen of where everything is, whether it is well, and what to do next. */
export function statusCommand(): Command {
  return new Command('status')
    .description('show routes, data homes, servers and processes, what needs attention (then the exit status is 3), and what to do next')
    .option('--json', 'as JSON: {routes, data_homes, health, processes, mismatches, relay_queues, saved_acknowledgements, attention, next}')
    .action(async ({ json }: { json?: true }) => {
      const settings = settingsHere();
      const status = await withHostDatabase(settings, (host) => statusOf(settings, host));
      if (json)
        printJson({ ...status, data_homes: [...status.data_homes].map(homeToJson), processes: status.processes.map(processToJson) });
      else print(describe(status));
      const { length } = status.attention;
      if (length > 0) throw new NeedsAttention(length === 1 ? '1 thing needs attention.' : `${length} things need attention.`);
    });
}

interface RelayQueues {
  readonly legacy: AdoptionState;
  /** `fed` by new code. `kept`: what hosts bring to the monolith waits in it as well. `unused`: messages are not at home where it is. */
  readonly own: 'fed' | 'kept' | 'unused';
  /** Messages of the monolith's memory that are in ours as well; null if that cannot be told, or there are none to tell of. */
  readonly kept: number | null;
  /** At most so many of the last 7 days are in its memory only; null likewise. */
  readonly unqueued: number | null;
}

interface Status {
  readonly routes: readonly DomainRoute[];
  readonly data_homes: ReadonlyMap<string, StoredDataHome | undefined>;
  readonly health: readonly Check[];
  readonly processes: readonly InstanceReport[];
  readonly mismatches: readonly Mismatch[];
  /** Null where there is no monolith. */
  readonly relay_queues: RelayQueues | null;
  readonly saved_acknowledgements: readonly Saved[];
  readonly attention: readonly string[];
  readonly next: readonly string[];
}

async function statusOf(settings: Settings, host: Database): Promise<Status> {
  const { sight, state, processes, decisions } = await see(await sightAlone(settings), host);
  const { routes } = state;
  const relay = routes.find(({ domain }) => domain === 'relay')!;
  const { remote, local, legacy } = relay.homes;
  const weights = toWeights({ remote: remote.percent, local: local.percent, legacy: legacy.percent });
  const [{ checks, prepared }, adoption, saved] = await Promise.all([
    checkServers(sight),
    adoptionState(host, relay.last_change?.version ?? 0, weights),
    new SavedStore(host).list(),
  ]);
  const mismatches = processes.mismatches();
  const hasMonolith = settings.LEGACY_URL !== undefined;
  const hasLegacyDatabase = settings.LEGACY_DATABASE_URL !== undefined;
  return {
    routes,
    data_homes: decisions,
    health: checks,
    processes: processes.all,
    mismatches,
    relay_queues: hasMonolith ? { legacy: adoption, own: ownQueue(weights, sight.homes), ...(await queueOf(sight, adoption)) } : null,
    saved_acknowledgements: saved,
    attention: attentionTo(processes, mismatches, routes, [...checks, ...checkSameLegacy(sight)]),
    next: nextSteps({ live: processes.live.length, hasMonolith, hasLegacyDatabase, prepared, homes: sight.homes, routes, adoption }),
  };
}

function attentionTo(
  processes: Processes,
  mismatches: readonly Mismatch[],
  routes: readonly DomainRoute[],
  checks: readonly Check[],
): string[] {
  const silent = processes.all.filter(({ is_live }) => !is_live);
  const deserted = routes.flatMap(({ domain, homes }) =>
    (['remote', 'local'] as const)
      .filter((home) => homes[home].percent > 0 && homes[home].instances === 0)
      .map((home) => `${homes[home].percent}% of ${domain} go to ${home}, where no live process serves it.`),
  );
  return [
    ...checks.filter(({ state }) => state !== 'ok').map(({ what, sentence }) => `${what}: ${sentence}`),
    ...(processes.live.length === 0 ? ['No process is running.'] : deserted),
    ...mismatches.map(
      ({ operation, caller_build, callee_build, reason }) =>
        `Build ${caller_build} cannot call ${operation} of build ${callee_build}: ${reason}.`,
    ),
    ...silent.map(({ kind, url, silent_seconds }) => `The ${kind} at ${url} has been silent for ${duration(silent_seconds)}.`),
  ];
}

const stateOf = ({ is_live, draining }: InstanceReport): string => (!is_live ? 'silent' : draining ? 'draining' : 'live');

function processToJson(process: InstanceReport) {
  const { id, kind, build, url, domains, up_seconds, silent_seconds, route_version } = process;
  return { id, kind, build, url, domains, state: stateOf(process), up_seconds, silent_seconds, route_version };
}

const homeToJson = ([table_set, decision]: [string, StoredDataHome | undefined]) => ({ table_set, home: decision?.home ?? 'none' });

const processColumns = [
  { heading: 'PROCESS' },
  { heading: 'STATE' },
  { heading: 'UP', right: true },
  { heading: 'BUILD' },
  { heading: 'URL' },
  { heading: 'SERVES' },
];

function describe({ routes, data_homes, health, processes, relay_queues, saved_acknowledgements, attention, next }: Status): string {
  const rows = processes.map((process) => {
    const { kind, up_seconds, build, url, domains } = process;
    return [kind, stateOf(process), duration(up_seconds), build, url, domains.join(', ') || '-'];
  });
  const blocks = [
    routeTable(routes),
    dataHomeTable(data_homes),
    table(
      [{ heading: 'SERVER' }, { heading: 'STATE' }, { heading: '' }],
      health.map(({ what, state, sentence }) => [what, state, sentence]),
    ),
    ...(rows.length > 0 ? [table(processColumns, rows)] : []),
    ...(relay_queues ? [`${queuesInWords(relay_queues)}\n${inMemoryInWords(relay_queues)}${savedInWords(saved_acknowledgements)}\n`] : []),
    attention.length > 0 ? attention.map((sentence) => `! ${sentence}\n`).join('') : 'All is well.\n',
    ...(next.length > 0 ? [next.map((sentence) => `Next: ${sentence}\n`).join('')] : []),
  ];
  return blocks.join('\n');
}

function ownQueue({ remote, local }: RouteWeights, homes: Sight['homes']): RelayQueues['own'] {
  if (remote + local > 0) return 'fed';
  return (homes.get(domains.message.tableSet) ?? 'none') === 'none' ? 'unused' : 'kept';
}

/** Two questions to indexes, within the seconds that a look may take. */
async function queueOf({ settings, homes }: Sight, adoption: AdoptionState): Promise<Pick<RelayQueues, 'kept' | 'unqueued'>> {
  const url = settings.LEGACY_DATABASE_URL;
  const unknown = { kept: null, unqueued: null };
  if (!url || adoption === 'over' || homes.get(domains.message.tableSet) !== 'legacy') return unknown;
  return look(url, reportQueue).then(
    ({ kept, unqueued }) => ({ kept, unqueued: unqueued.count }),
    () => unknown, // a database that does not answer is told among the servers
  );
}

const inMemoryInWords = ({ kept, unqueued }: RelayQueues): string =>
  (kept ? `In the monolith's memory and in ours: ${kept}.\n` : '') +
  (unqueued
    ? `In the monolith's memory only: at most ${unqueued}, which are lost from the queue with its process (banyan legacy queue).\n`
    : '');

function queuesInWords({ legacy, own }: RelayQueues): string {
  if (own === 'unused') return "Relay's queue: the monolith's.";
  if (own === 'kept') return "Relay's queues: the monolith's; what hosts bring there is kept in ours as well.";
  if (legacy === 'fed') return "Relay's queues: both, as one (the monolith's is adopted).";
  if (legacy === 'open') return "Relay's queues: ours; the monolith's is adopted until it was seen empty.";
  return "Relay's queues: ours; the monolith's is over.";
}

function savedInWords(saved: readonly Saved[]): string {
  if (saved.length === 0) return 'Saved acknowledgements: none.';
  const each = saved.map(({ operation, count, last_at }) => `${count} of ${operation}, the last at ${minute(last_at)} UTC`);
  return `Saved acknowledgements: ${each.join('; ')}. The monolith confirmed messages that it had not stored.`;
}
