import { z } from 'zod';
import type { OperationShape } from './instances';
import type { InstanceStore, StoredContract } from './instance.store';
import type { ContractShape } from './shapes';

const Operations = z.record(z.string(), z.object({ hash: z.string(), input: z.unknown(), output: z.unknown() }));

export function toStored({ hash, domain, operations }: ContractShape): StoredContract {
  return { hash, domain, operations: Object.fromEntries(operations) };
}

/** Contracts of this and other builds by their hash. What a hash means never changes, so each is read once. */
export class ContractLibrary {
  private readonly byHash = new Map<string, ContractShape>();

  constructor(
    private readonly store: InstanceStore,
    own: readonly ContractShape[] = [],
  ) {
    for (const shape of own) this.byHash.set(shape.hash, shape);
  }

  /** Reads those that are not known yet. One that cannot be understood promises nothing. */
  async learn(hashes: Iterable<string>): Promise<void> {
    const unknown = [...new Set(hashes)].filter((hash) => !this.byHash.has(hash));
    if (unknown.length === 0) return;
    for (const { hash, domain, operations } of await this.store.contracts(unknown)) {
      const parsed = Operations.safeParse(operations);
      const shapes = parsed.success ? (Object.entries(parsed.data) as [string, OperationShape][]) : [];
      this.byHash.set(hash, { hash, domain, operations: new Map(shapes) });
    }
  }

  find(hash: string | undefined): ContractShape | undefined {
    return hash === undefined ? undefined : this.byHash.get(hash);
  }
}
