import type { Operation } from '../contract';
import { mismatch } from './compatibility';
import type { ContractLibrary } from './contract-library';
import { type InstanceRow, type InstanceStore, LIVE_MS } from './instance.store';
import type { Instance, InstanceDirectory, OperationShape } from './instances';
import { shapeOf } from './shapes';

interface Known {
  readonly row: InstanceRow;
  readonly instance: Instance;
}

/**
 * Who can be called, as this process saw it last. While host_db is away that stays as it was; and for three seconds after its return,
 * because then the others' heartbeats are as late as ours, and nobody would be left.
 */
export class InstanceRegistry implements InstanceDirectory {
  private known = new Map<string, Known>();
  private found = emptyAnswers();
  /** Since when by the database's clock; undefined until the next reading tells it. */
  private readonly suspects = new Map<string, string | undefined>();
  private refreshedAt: number | undefined;
  private graceUntil = -Infinity;

  constructor(
    private readonly store: InstanceStore,
    private readonly library: ContractLibrary,
    /** Milliseconds of a clock that only goes forward. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  candidates(operation: Operation, kind: 'worker' | 'host'): readonly Instance[] {
    const answers = this.found[kind];
    let answer = answers.get(operation);
    if (!answer) {
      answer = this.choose(operation, kind);
      answers.set(operation, answer);
    }
    return answer;
  }

  suspect(instanceId: string): void {
    if (!this.known.has(instanceId)) return;
    this.suspects.set(instanceId, undefined);
    this.found = emptyAnswers();
  }

  /** @throws DatabaseUnavailable, and nothing has changed */
  async refresh(deadline?: number): Promise<void> {
    const started = this.now();
    const undated = [...this.suspects].filter(([, since]) => since === undefined).map(([id]) => id);
    const rows = await this.store.list(deadline);
    await this.library.learn(rows.flatMap(({ domains, contracts }) => domains.map((domain) => contracts[domain] ?? '')));
    if (this.refreshedAt !== undefined && started - this.refreshedAt > LIVE_MS / 2) this.graceUntil = started + LIVE_MS;
    this.refreshedAt = started;
    // Only a heartbeat after the suspicion clears it; one before it may have been read just now.
    for (const id of undated) if (this.suspects.has(id)) this.suspects.set(id, rows[0]?.now);
    this.known = this.after(rows, started < this.graceUntil);
    for (const id of this.suspects.keys()) if (!this.known.has(id)) this.suspects.delete(id);
    this.found = emptyAnswers();
  }

  private after(rows: readonly InstanceRow[], isGrace: boolean): Map<string, Known> {
    const known = new Map<string, Known>();
    for (const row of rows) {
      const before = this.known.get(row.id);
      if (row.draining || row.kind === 'edge' || !(row.is_live || (isGrace && before))) continue;
      known.set(row.id, { row, instance: before?.instance ?? this.toInstance(row, row.kind) });
    }
    if (isGrace) {
      const listed = new Set(rows.map(({ id }) => id));
      for (const [id, before] of this.known) if (!listed.has(id)) known.set(id, before);
    }
    return known;
  }

  private toInstance({ id, queue, build, url, domains, contracts }: InstanceRow, kind: 'host' | 'worker'): Instance {
    const operations = new Map<string, OperationShape>();
    for (const domain of domains) {
      for (const [name, shape] of this.library.find(contracts[domain])?.operations ?? []) operations.set(name, shape);
    }
    return { id, queue, kind, build, url, operations };
  }

  private choose(operation: Operation, kind: 'worker' | 'host'): readonly Instance[] {
    const own = shapeOf(operation);
    return [...this.known.values()]
      .filter(({ row, instance }) => {
        const shape = instance.operations.get(operation.name);
        return instance.kind === kind && shape !== undefined && mismatch(own, shape) === undefined && !this.isSuspect(row);
      })
      .map(({ instance }) => instance);
  }

  private isSuspect({ id, heartbeat_at }: InstanceRow): boolean {
    if (!this.suspects.has(id)) return false;
    const since = this.suspects.get(id);
    return since === undefined || heartbeat_at <= since; // instants are texts of one form
  }
}

const emptyAnswers = () => ({ worker: new Map<Operation, readonly Instance[]>(), host: new Map<Operation, readonly Instance[]>() });
