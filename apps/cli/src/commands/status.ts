import type { DomainRoute } from '@banyan/migration/routes/contract';
import type { Mismatch, Processes } from '@banyan/migration/routes/processes';
import { type Saved, SavedStore } from '@banyan/migration/proxy/saved.store';
import { RouteService } from '@banyan/migration/routes/route.service';
import type { InstanceReport } from '@banyan/platform/host/instance.store';
import { Command } from 'commander';
import { settingsHere, withHostDatabase } from '../databases';
import { NeedsAttention } from '../exit';
import { duration, print, printJson, table } from '../terminal';

/** `banyan status`: who runs, whether they understand each other, and whether every route leads somewhere. */
export function statusCommand(): Command {
  return new Command('status')
    .description('show the running processes, their builds, and what needs attention (then the exit status is 3)')
    .option('--json', 'as JSON: {processes, mismatches, saved_acknowledgements, attention}')
    .action(async ({ json }: { json?: true }) => {
      const settings = settingsHere();
      const attention = await withHostDatabase(settings, async (database) => {
        const service = new RouteService(database, settings.ROUTES, { remote: true, legacy: true });
        const [processes, routes, saved] = await Promise.all([service.processes(), service.list(), new SavedStore(database).list()]);
        const mismatches = processes.mismatches();
        const sentences = attentionTo(processes, mismatches, routes);
        if (json) printJson({ processes: processes.all.map(toJson), mismatches, saved_acknowledgements: saved, attention: sentences });
        else print(describe(processes.all, saved, sentences));
        return sentences;
      });
      if (attention.length > 0)
        throw new NeedsAttention(attention.length === 1 ? '1 thing needs attention.' : `${attention.length} things need attention.`);
    });
}

function attentionTo(processes: Processes, mismatches: readonly Mismatch[], routes: readonly DomainRoute[]): string[] {
  const silent = processes.all.filter(({ is_live }) => !is_live);
  const deserted = routes.flatMap(({ domain, homes }) =>
    (['remote', 'local'] as const)
      .filter((home) => homes[home].percent > 0 && homes[home].instances === 0)
      .map((home) => `${homes[home].percent}% of ${domain} go to ${home}, where no live process serves it.`),
  );
  return [
    ...(processes.live.length === 0 ? ['No process is running.'] : deserted),
    ...mismatches.map(
      ({ operation, caller_build, callee_build, reason }) =>
        `Build ${caller_build} cannot call ${operation} of build ${callee_build}: ${reason}.`,
    ),
    ...silent.map(({ kind, url, silent_seconds }) => `The ${kind} at ${url} has been silent for ${duration(silent_seconds)}.`),
  ];
}

const stateOf = ({ is_live, draining }: InstanceReport): string => (!is_live ? 'silent' : draining ? 'draining' : 'live');

function toJson(process: InstanceReport) {
  const { id, kind, build, url, domains, up_seconds, silent_seconds, route_version } = process;
  return { id, kind, build, url, domains, state: stateOf(process), up_seconds, silent_seconds, route_version };
}

const columns = [
  { heading: 'KIND' },
  { heading: 'STATE' },
  { heading: 'UP', right: true },
  { heading: 'BUILD' },
  { heading: 'URL' },
  { heading: 'SERVES' },
];

function describe(processes: readonly InstanceReport[], saved: readonly Saved[], attention: readonly string[]): string {
  const rows = processes.map((process) => {
    const { kind, up_seconds, build, url, domains } = process;
    return [kind, stateOf(process), duration(up_seconds), build, url, domains.join(', ') || '-'];
  });
  const list = rows.length > 0 ? table(columns, rows) : '';
  const savings = saved.map(
    ({ operation, count, last_at }) =>
      `Saved acknowledgements: ${count} of ${operation}, the last at ${last_at.slice(0, 16).replace('T', ' ')} UTC. The monolith confirmed messages that it had not stored.\n`,
  );
  return `${list}${savings.length > 0 ? `\n${savings.join('')}` : ''}${attention.length > 0 ? `${list && '\n'}${attention.map((sentence) => `! ${sentence}\n`).join('')}` : '\nAll is well.\n'}`;
}
