import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { TokenKeys } from './verifier';

export interface Published {
  readonly keys: readonly (JsonWebKey & { readonly kid: string })[];
  /** Tokens under the shared secret that end later (seconds since the epoch) are none of ours; null: there is no such moment. */
  readonly shared_until: number | null;
}

/** So old a list may be before it is asked for again; the one that is known serves meanwhile, and for as long as nobody answers. */
const OLD_MS = 30_000;
/** A key id that nobody knows is asked about, but not for everybody who makes one up. */
const AGAIN_MS = 1_000;

/** The keys that auth has published, as far as this process needs to know them. */
export class PublishedKeys implements TokenKeys {
  private known = new Map<string, KeyObject>();
  private sharedUntil: number | null = null;
  private askedAt = -Infinity;
  private asking: Promise<void> | undefined;
  private failure: unknown;

  constructor(private readonly ask: () => Promise<Published>) {}

  /** @throws what `ask` throws, for a key that is not known: whether it is one cannot be told */
  async find(kid: string): Promise<KeyObject | undefined> {
    const known = this.known.get(kid);
    const ageMs = performance.now() - this.askedAt;
    if (known) {
      if (ageMs > OLD_MS) void this.look().catch(() => undefined);
      return known;
    }
    if (ageMs > AGAIN_MS || this.asking) await this.look();
    else if (this.failure) throw this.failure;
    return this.known.get(kid);
  }

  takesShared(exp: number): boolean {
    if (performance.now() - this.askedAt > OLD_MS) void this.look().catch(() => undefined);
    return this.sharedUntil === null || exp <= this.sharedUntil;
  }

  private look(): Promise<void> {
    return (this.asking ??= this.read().finally(() => (this.asking = undefined)));
  }

  private async read(): Promise<void> {
    this.askedAt = performance.now();
    const { keys, shared_until } = await this.ask().catch((error: unknown) => {
      this.failure = error;
      throw error;
    });
    this.failure = undefined;
    this.known = new Map(keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]));
    this.sharedUntil = shared_until;
  }
}
