import { createHash } from 'node:crypto';

/** In the order in which they lie on the line. */
export const HOMES = ['remote', 'local', 'legacy'] as const;
export type Home = (typeof HOMES)[number];

/** How much of a domain's work goes to each home; the three add up to 10,000. */
export interface RouteWeights {
  readonly remote: number;
  readonly local: number;
  readonly legacy: number;
}

export const ALL = 10_000;
export const ALL_LOCAL: RouteWeights = { remote: 0, local: ALL, legacy: 0 };

/** By what somebody who is not signed in sticks, however he writes it: an address in capitals is the same address. */
export const stickySubject = (text: string): string => text.trim().normalize('NFC').toLowerCase();

/**
 * Where on the line of 10,000 buckets somebody stands. Always the same place for the same salt and subject, in every process, so that
 * a user stays at one home while weights stand still, and only moves forward while one weight is raised.
 */
export function bucketOf(salt: string, subject: string): number {
  return createHash('sha256').update(salt).update('\0').update(subject).digest().readUInt32BE(0) % ALL;
}

/** The homes lie on the line in the order remote, local, legacy. */
export function homeAt(weights: RouteWeights, bucket: number): Home {
  if (bucket < weights.remote) return 'remote';
  return bucket < weights.remote + weights.local ? 'local' : 'legacy';
}

/** Calls between domains, events and sockets never go to legacy: they share the line in the proportion of the new homes. */
export function newHomeAt(weights: RouteWeights, bucket: number): 'remote' | 'local' {
  const both = weights.remote + weights.local;
  if (both === 0) return 'local';
  return bucket * both < weights.remote * ALL ? 'remote' : 'local';
}

/** Whether a process does work of a domain that no request brings: while its home has weight; with no new home in use, the hosts do. */
export function isAtHome({ remote, local }: RouteWeights, { edge }: { readonly edge: boolean }): boolean {
  return edge ? local > 0 || remote === 0 : remote > 0;
}

/** The routes as this process sees them now. Replaced as a whole, so that one decision never mixes two states. */
export class Routes {
  private readonly followers = new Set<() => void>();

  constructor(private snapshot: Readonly<Record<string, RouteWeights>> = {}) {}

  weights(domain: string): RouteWeights {
    return this.snapshot[domain] ?? ALL_LOCAL;
  }

  /** The home for a client's request; the hash is only made when there is a choice. */
  home(domain: string, subject: string): Home {
    const weights = this.weights(domain);
    const only = HOMES.find((home) => weights[home] === ALL);
    return only ?? homeAt(weights, bucketOf(domain, subject));
  }

  /** The home for a call between domains. */
  newHome(domain: string, subject: string): 'remote' | 'local' {
    const weights = this.weights(domain);
    if (weights.remote === 0) return 'local';
    if (weights.local === 0) return 'remote';
    return newHomeAt(weights, bucketOf(domain, subject));
  }

  replace(snapshot: Readonly<Record<string, RouteWeights>>): void {
    this.snapshot = snapshot;
    for (const follower of this.followers) follower();
  }

  /** Called after each replacement, also by one that is equal. @returns stops it */
  onChange(follower: () => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }
}
