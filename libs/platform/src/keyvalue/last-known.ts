import type { Generations } from './generations';
import type { KeyValue } from './keyvalue';

/** So long what was read last may serve when the truth cannot be read. */
export const LAST_KNOWN_MS = 900_000;

/** What somebody has read about a subject, for all processes, as long as its generation is in force: for when the truth is away. */
export class LastKnown<T extends { readonly generation: string | null }> {
  constructor(
    private readonly keyvalue: KeyValue,
    private readonly kind: string,
    private readonly generations: Generations,
  ) {}

  /** @throws KeyValueUnavailable */
  async put(subject: string, part: string, read: T): Promise<void> {
    await this.keyvalue.set(this.key(subject, part), JSON.stringify(read), LAST_KNOWN_MS);
  }

  /** @throws KeyValueUnavailable */
  async get(subject: string, part: string): Promise<T | undefined> {
    const [text, generation] = await Promise.all([this.keyvalue.get(this.key(subject, part)), this.generations.get(subject)]);
    const read = text === undefined ? undefined : (JSON.parse(text) as T);
    return read && read.generation === generation ? read : undefined;
  }

  private key(subject: string, part: string): string {
    return `${this.kind}:known:${this.keyvalue.generation}:${subject}:${part}`;
  }
}
