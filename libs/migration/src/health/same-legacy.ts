import { attention, broken, type Check } from './check';
import type { Sight } from './sight';

/** Server and name, without the login: `localhost:5432/chat`. */
export function databasePlace(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || 5432}${pathname}`;
}

/** Whether the processes that run were given the same monolith, and the same database of it, as is named here. One address may have two names. */
export function checkSameLegacy({ settings, processes }: Pick<Sight, 'settings' | 'processes'>): Check[] {
  const live = processes.filter(({ is_live }) => is_live);
  const { LEGACY_URL, LEGACY_DATABASE_URL } = settings;
  const database = LEGACY_DATABASE_URL && databasePlace(LEGACY_DATABASE_URL);
  return live.flatMap(({ kind, url, legacy_url, legacy_database }) => [
    ...compare('LEGACY_URL', { who: `${kind} at ${url}`, there: legacy_url ?? undefined, here: LEGACY_URL }),
    ...compare('LEGACY_DATABASE_URL', { who: `${kind} at ${url}`, there: legacy_database ?? undefined, here: database }),
  ]);
}

function compare(setting: string, { who, there, here }: { who: string; there?: string; here?: string }): Check[] {
  if (there === here) return [];
  const what = `${setting} of the ${who}`;
  if (there === undefined) return [broken(what, `It was started without ${setting}, which is ${here} here: start it again with it.`)];
  if (here === undefined) return [attention(what, `It has ${there}, and ${setting} is not set here: set it.`)];
  return [attention(what, `It has ${there}, and here it is ${here}: unless both are one, correct one of them.`)];
}
