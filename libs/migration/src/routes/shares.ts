import { ALL, type Home, HOMES, type RouteWeights } from '@banyan/platform/dispatch/routes';

/** Per cent of a domain's work at each home, with at most two decimals; they add up to 100. */
export interface Shares {
  readonly remote: number;
  readonly local: number;
  readonly legacy: number;
}

/** What these shares leave, without the noise of binary fractions. */
export function toHundred(...shares: readonly number[]): number {
  return Math.round((100 - shares.reduce((sum, share) => sum + share, 0)) * 100) / 100;
}

export const toShares = ({ remote, local, legacy }: RouteWeights): Shares => ({
  remote: remote / 100,
  local: local / 100,
  legacy: legacy / 100,
});

export const toWeights = ({ remote, local, legacy }: Shares): RouteWeights => ({
  remote: Math.round(remote * 100),
  local: Math.round(local * 100),
  legacy: Math.round(legacy * 100),
});

/** `25% remote, 75% local` */
export function inWords(weights: RouteWeights): string {
  return HOMES.filter((home) => weights[home] > 0)
    .map((home) => `${weights[home] / 100}% ${home}`)
    .join(', ');
}

/** How many of the 10,000 buckets change their home. */
export function movedBuckets(before: RouteWeights, after: RouteWeights): number {
  const [from, to] = [rangesOf(before), rangesOf(after)];
  return HOMES.reduce((moved, home) => {
    const kept = Math.min(from[home][1], to[home][1]) - Math.max(from[home][0], to[home][0]);
    return moved - Math.max(0, kept);
  }, ALL);
}

/** Where each home lies on the line. */
function rangesOf({ remote, local }: RouteWeights): Record<Home, readonly [number, number]> {
  return { remote: [0, remote], local: [remote, remote + local], legacy: [remote + local, ALL] };
}

/**
 * What somebody means who names one or two homes. Nothing is left when they have everything. Otherwise local takes the rest; who
 * names local means it against legacy as long as that has a share, and against remote afterwards. The third home keeps its share.
 *
 * @returns undefined if that does not add up
 */
export function completeShares(named: Partial<Shares>, previous: Shares): Shares | undefined {
  const given = { remote: named.remote ?? 0, local: named.local ?? 0, legacy: named.legacy ?? 0 };
  const rest = toHundred(given.remote, given.local, given.legacy);
  const others = HOMES.filter((home) => named[home] === undefined);
  const taking = others.includes('local')
    ? 'local'
    : others.includes('legacy') && (previous.legacy > 0 || !others.includes('remote'))
      ? 'legacy'
      : 'remote';
  if (rest === 0) return given;
  if (!others.includes(taking)) return undefined;
  const kept = others.filter((home) => home !== taking).reduce((shares, home) => ({ ...shares, [home]: previous[home] }), given);
  const share = toHundred(kept.remote, kept.local, kept.legacy);
  return share < 0 ? undefined : { ...kept, [taking]: share };
}
