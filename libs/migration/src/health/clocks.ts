import { attention, broken, type Check, ok } from './check';
import { look } from './look';
import { databasePlaces, type Sight } from './sight';

/** The database's clock is on every row, the monolith's on its own: from here on, a conversation of both may look out of order. */
const NOTICEABLE_SECONDS = 2;
/** Tokens expire and leases end by clocks. */
const HARMFUL_SECONDS = 60;

const LIMIT_MS = 3_000;

/** How far each clock is from this machine's. Whoever does not answer is no line: that is told elsewhere, and workers may be out of reach from here. */
export async function checkClocks(sight: Sight): Promise<Check[]> {
  const servers = new Map(databasePlaces(sight).map(({ url }) => [new URL(url).host, url]));
  const live = sight.processes.filter(({ is_live }) => is_live);
  const { LEGACY_URL } = sight.settings;
  const offsets: readonly (readonly [string, Promise<number | undefined>])[] = [
    ...[...servers].map(([host, url]) => [`clock of PostgreSQL at ${host}`, databaseOffset(url)] as const),
    ...live.map(({ kind, url }) => [`clock of the ${kind} at ${url}`, httpOffset(`${url}/livez`)] as const),
    ...(LEGACY_URL ? [['clock of the monolith', httpOffset(new URL('/health', LEGACY_URL).href)] as const] : []),
  ];
  const found = await Promise.all(offsets.map(async ([what, offset]) => judge(what, await offset)));
  return found.filter((check) => check !== undefined);
}

/** Seconds ahead of this machine, 0 if that is within what cannot be told. */
async function databaseOffset(url: string): Promise<number | undefined> {
  try {
    return await look(url, async (client) => {
      const asked = Date.now();
      const { rows } = await client.query<{ now: string }>('SELECT extract(epoch FROM clock_timestamp()) AS now');
      return outside(Number(rows[0]!.now) * 1_000, asked, Date.now());
    });
  } catch {
    return undefined;
  }
}

/** By the header Date, which has whole seconds and may be a second old. */
async function httpOffset(url: string): Promise<number | undefined> {
  const asked = Date.now();
  try {
    const { headers } = await fetch(url, { redirect: 'manual', headers: { connection: 'close' }, signal: AbortSignal.timeout(LIMIT_MS) });
    const date = Date.parse(headers.get('date') ?? '');
    return Number.isNaN(date) ? undefined : outside(date, asked - 2_000, Date.now());
  } catch {
    return undefined;
  }
}

function outside(atMs: number, fromMs: number, toMs: number): number {
  return (atMs < fromMs ? atMs - fromMs : Math.max(0, atMs - toMs)) / 1_000;
}

function judge(what: string, offset: number | undefined): Check | undefined {
  if (offset === undefined) return undefined;
  const seconds = Math.abs(offset);
  if (seconds < NOTICEABLE_SECONDS) return ok(what, "as this machine's");
  const sentence = `It is ${seconds.toFixed(0)} s ${offset > 0 ? 'ahead of' : 'behind'} this machine's: set both by NTP.`;
  return seconds < HARMFUL_SECONDS ? attention(what, sentence) : broken(what, sentence);
}
