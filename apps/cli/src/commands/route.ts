import { hostname, userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DomainName, domainNames } from '@banyan/domains';
import { DataHomes } from '@banyan/migration/homes/data-homes';
import type { DomainRoute } from '@banyan/migration/routes/contract';
import { RouteService, sentenceOf } from '@banyan/migration/routes/route.service';
import { completeShares, inWords, type Shares, toWeights } from '@banyan/migration/routes/shares';
import { type Finding, probeLegacy } from '@banyan/migration/proxy/legacy-probe';
import { jwtSecret } from '@banyan/platform/config/jwt-secret';
import type { Settings } from '@banyan/platform/config/table';
import { DomainError } from '@banyan/platform/contract';
import { HOMES } from '@banyan/platform/dispatch/routes';
import { reachOf } from '@banyan/platform/host/route-table';
import { WINDOW_SECONDS } from '@banyan/platform/telemetry/traffic';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { homeReach, settingsHere, withHostDatabase } from '../databases';
import { print, printJson } from '../terminal';
import { routeTable } from '../tables';

interface Options {
  readonly remote?: number;
  readonly local?: number;
  readonly legacy?: number;
  readonly why: string;
  readonly yes?: true;
  readonly force?: true;
  readonly json?: true;
}

const LEGEND = `Requests, errors and p95 are of the last ${WINDOW_SECONDS} s, in all processes, as their callers saw them. Times are UTC.`;

/** How long a change is watched until every process follows it; each looks by itself within a second. */
const WATCH_MS = 3_000;

/** `banyan route`: where every domain is served. `banyan route relay --remote 25%`: move one. */
export function routeCommand(): Command {
  return new Command('route')
    .description('show where each domain is served and how it does there, or move one domain')
    .addArgument(new Argument('[domain]', 'the domain to show or move').choices(domainNames))
    .option('--remote <share>', 'to workers, e.g. 25%', percent)
    .option('--local <share>', 'to the hosts themselves; what the others leave if not given', percent)
    .option('--legacy <share>', 'to the monolith', percent)
    .option('--why <text>', 'kept with the change', 'no reason given')
    .option('-y, --yes', 'do not ask')
    .option('--force', 'move although nobody is there, and whatever the route has become meanwhile')
    .option('--json', 'as JSON')
    .action(async (domain: DomainName | undefined, options: Options, command: Command) => {
      const settings = settingsHere();
      const isMove = HOMES.some((home) => options[home] !== undefined);
      if (isMove && !domain) command.error("error: say which domain to move, e.g. 'banyan route relay --remote 25%'", { exitCode: 2 });
      await withHostDatabase(settings, async (database) => {
        const homes = new DataHomes(database, settings.ROUTES, await homeReach(settings));
        const service = new RouteService(database, settings.ROUTES, reachOf(settings), { homes, probe: await probeOf(settings) });
        const routes = (await service.list()).filter((route) => !domain || route.domain === domain);
        if (!isMove || !domain)
          return options.json ? printJson({ window_seconds: WINDOW_SECONDS, routes }) : print(`${routeTable(routes)}\n${LEGEND}\n`);
        await move(service, domain, routes[0]!, options, command);
      });
    });
}

/** With the secret that a server of these settings signs with. */
async function probeOf(settings: Settings): Promise<(() => Promise<Finding>) | undefined> {
  const { LEGACY_URL } = settings;
  if (LEGACY_URL === undefined) return undefined;
  const secret = await jwtSecret(settings);
  return () => probeLegacy(LEGACY_URL, secret);
}

async function move(service: RouteService, domain: DomainName, route: DomainRoute, options: Options, command: Command): Promise<void> {
  const previous: Shares = { remote: route.homes.remote.percent, local: route.homes.local.percent, legacy: route.homes.legacy.percent };
  const to = completeShares(options, previous);
  if (!to)
    command.error(`error: the shares should add up to 100%; ${domain} is at ${inWords(toWeights(previous))}: name the other homes too`, {
      exitCode: 2,
    });
  if (process.stdin.isTTY && !options.yes && !(await agrees(sentenceOf(domain, toWeights(previous), toWeights(to)))))
    return print('Nothing was changed.\n');
  const answer = await service
    .change({ domain, to, by: `cli ${userInfo().username}@${hostname()}`, why: options.why, previous, force: options.force ?? false })
    .catch((error: unknown) => {
      throw error instanceof DomainError ? new Error(refusal(domain, error)) : error;
    });
  const { following, live } = answer.changed ? await watch(service, answer.version) : { following: 0, live: 0 };
  if (options.json) return printJson({ ...answer, following, live });
  print(`${answer.sentence}\n${answer.changed ? `${followed(following, live)}\n` : ''}`);
}

async function agrees(sentence: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${sentence}\nGo on? [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** Until every live process says that it follows the change, or has had the time to. */
async function watch(service: RouteService, version: number): Promise<{ following: number; live: number }> {
  const until = performance.now() + WATCH_MS;
  for (;;) {
    const seen = await service.followers(version);
    if (seen.following >= seen.live || performance.now() >= until) return seen;
    await sleep(50);
  }
}

function followed(following: number, live: number): string {
  if (live === 0) return 'No process is running; the next one that starts follows it.';
  if (following < live) return `${following} of ${live} processes follow it so far; see banyan status.`;
  return live === 1 ? 'The one running process follows it.' : `All ${live} processes follow it.`;
}

const LEGACY_FINDINGS: Readonly<Record<string, string>> = {
  silent: 'nobody answers at LEGACY_URL',
  strange: 'what answers at LEGACY_URL is not the monolith',
};

function refusal(domain: string, { code, detail, extra = {} }: DomainError): string {
  const { home, setting, current, fact, finding } = extra as Readonly<Record<string, string | undefined>> & { current?: Shares };
  if (code === 'route.no_data_home' && fact) return `${domain} cannot go to new code. ${fact}`;
  if (code === 'route.legacy_silent')
    return `${domain} cannot get more of legacy: ${LEGACY_FINDINGS[finding ?? ''] ?? detail}; start it, or say --force.`;
  if (code === 'route.secrets_differ')
    return `${domain} cannot be divided with legacy: it does not accept the tokens that are signed here. Both sides need the same JWT_SECRET_KEY.`;
  if (code === 'route.out_of_reach') return `${domain} cannot go to ${home}: that needs ${setting}, which is not set here.`;
  if (code === 'route.nobody_there') {
    const start = home === 'remote' ? `start one with SERVE=${domain}` : 'start a host';
    return `${domain} cannot go to ${home}: no live process serves it there with a contract that all running ones understand; ${start}, or say --force.`;
  }
  if (code === 'route.moved' && current) {
    const now = HOMES.map((home) => `${home} ${current[home]}%`).join(', ');
    return `Somebody else has moved ${domain} meanwhile (now ${now}). Nothing was changed; look again, or say --force.`;
  }
  return detail;
}

function percent(text: string): number {
  const match = /^(\d{1,3}(?:\.\d{1,2})?)%?$/.exec(text.trim());
  const value = match ? Number(match[1]) : NaN;
  if (!(value <= 100)) throw new InvalidArgumentError('It should be a share such as 25% or 12.5%.');
  return value;
}
