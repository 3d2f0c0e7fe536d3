import { randomUUID } from 'node:crypto';
import type { KeyValue } from './keyvalue';

/** Longer than anybody remembers what he has read under one. */
const TTL_MS = 86_400_000;

/**
 * Tells whether what was read about a subject is still what there is to read, without reading it again. A generation is a random text
 * that is replaced after each change: equal means unchanged. Texts never come back, so that losing or overwriting one can only make
 * somebody read once more than he needs.
 *
 * Who reads: `ensure` first, then the truth, and remember both. Who changes: commit first, then `renew`.
 */
export class Generations {
  constructor(
    private readonly keyvalue: KeyValue,
    private readonly kind: string,
  ) {}

  /** Undefined if the store has lost it, or never had one: then the truth has to be read. @throws KeyValueUnavailable */
  get(subject: string): Promise<string | undefined> {
    return this.keyvalue.get(this.key(subject));
  }

  /** The one there is, or a new one. @throws KeyValueUnavailable */
  async ensure(subject: string): Promise<string> {
    return (await this.get(subject)) ?? this.replace(subject);
  }

  /** Whoever reads later reads the truth; who listens at this moment hears of it. @throws KeyValueUnavailable */
  async renew(subject: string): Promise<void> {
    await this.replace(subject);
    await this.keyvalue.publish(this.channel, subject);
  }

  /** Takes it back to be unknown: safe at any moment. @throws KeyValueUnavailable */
  async forget(subject: string): Promise<void> {
    await this.keyvalue.delete(this.key(subject));
  }

  /** Called with each subject that is renewed, as long as the store tells. @returns stops it */
  listen(listener: (subject: string) => void): Promise<() => Promise<void>> {
    return this.keyvalue.subscribe(this.channel, listener);
  }

  private async replace(subject: string): Promise<string> {
    const generation = randomUUID();
    await this.keyvalue.set(this.key(subject), generation, TTL_MS);
    return generation;
  }

  /** A store that was restarted with old contents has none of ours. */
  private key(subject: string): string {
    return `${this.kind}:generation:${this.keyvalue.generation}:${subject}`;
  }

  private get channel(): string {
    return `${this.kind}.changed`;
  }
}
