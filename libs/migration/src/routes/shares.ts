import { ALL, type Home, type RouteWeights } from '@banyan/platform/dispatch/routes';

export const HOMES = ['remote', 'local', 'legacy'] as const satisfies readonly Home[];

/** Per cent of a domain's work at each home, with at most two decimals; they add up to 100. */
export interface Shares {
  readonly remote: number;
  readonly local: number;
  readonly legacy: number;
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
