import { type DomainName, tableSets } from '@banyan/domains';
import type { DataHome } from '@banyan/platform/host/data-home.store';
import type { AdoptionState } from '@banyan/relay/adoption';
import type { DomainRoute } from '../routes/contract';

export interface Situation {
  /** Live processes. */
  readonly live: number;
  /** LEGACY_URL and LEGACY_DATABASE_URL are set. */
  readonly hasMonolith: boolean;
  readonly hasLegacyDatabase: boolean;
  /** Undefined if that cannot be told now. */
  readonly prepared: 'no' | 'older' | 'yes' | undefined;
  readonly homes: ReadonlyMap<string, DataHome>;
  readonly routes: readonly DomainRoute[];
  /** Of the monolith's relay queue. */
  readonly adoption: AdoptionState;
}

/**
 * docs/runbooks/migrate.md leads through them in this order: the one that can lose least comes first, sockets last, whose frames belong to
 * all the others.
 */
const ORDER: readonly DomainName[] = ['relay', 'auth', 'user', 'message', 'group', 'media', 'websocket'];
const STEPS = [1, 10, 50, 100];
/** Of the requests of a home; with more than this, and more than the monolith has, it is time to go back. */
const TOO_MANY_ERRORS = 0.01;

/** What brings the migration on, one sentence each; none where there is no monolith to leave. */
export function nextSteps(situation: Situation): string[] {
  const { live, hasMonolith, hasLegacyDatabase, prepared, homes } = situation;
  if (live === 0) return ['Start a host: npm start.'];
  if (!hasMonolith) return [];
  if (!hasLegacyDatabase)
    return ["Set LEGACY_DATABASE_URL to the legacy database, by its owner's login, for the hosts and here, and start the hosts again."];
  if (prepared === undefined) return ['Make the legacy database answer; nothing is moved before.'];
  if (prepared !== 'yes') return ['Look at the legacy database with banyan legacy check, then make it ready with banyan legacy prepare.'];
  const homeless = tableSets.filter((name) => (homes.get(name) ?? 'none') === 'none');
  if (homeless.length > 0)
    return [
      `Say where new code finds the data of ${homeless.join(', ')}: banyan data ${homeless.length === tableSets.length ? '' : `${homeless[0]} `}--legacy.`,
    ];
  return [...nextShare(situation), ...queueToEnd(situation)];
}

function nextShare({ routes }: Situation): string[] {
  for (const domain of ORDER) {
    const route = routes.find((found) => found.domain === domain);
    if (route && route.homes.legacy.percent > 0) return [sentenceFor(route)];
  }
  return [`${ORDER.join(', ')} are on new code. Leave the monolith running: it serves every path that is unknown here.`];
}

function sentenceFor({ domain, homes: { remote, local, legacy } }: DomainRoute): string {
  const share = Math.round((100 - legacy.percent) * 100) / 100;
  if (share === 0) return `Begin with ${domain}: banyan route ${domain} --local 1%.`;
  const on = `${domain} is at ${share}% on new code`;
  const [requests, errors] = [remote.requests + local.requests, remote.errors + local.errors];
  if (requests === 0) return `${on}, which had no request in the last minute: wait until something can be said.`;
  const isWorse = errors / requests > Math.max(TOO_MANY_ERRORS, legacy.requests > 0 ? legacy.errors / legacy.requests : 0);
  if (isWorse)
    return `${on}, where ${errors} of ${requests} requests failed in the last minute: go back with banyan route ${domain} --legacy 100%, and look into the log.`;
  const next = STEPS.find((step) => step > share)!;
  const command = remote.percent === 0 ? `--local ${next}%` : `--legacy ${100 - next}% --remote ${Math.min(next, remote.percent)}%`;
  return `${on}, and well there in the last minute; when that has lasted for as long as you want to watch: banyan route ${domain} ${command}.`;
}

/** The one that gets nothing any more, and was not seen empty. */
function queueToEnd({ adoption }: Situation): string[] {
  if (adoption === 'open')
    return ["Keep the monolith running: messages may still wait in its relay's memory, which is asked with every look into a queue."];
  return [];
}
