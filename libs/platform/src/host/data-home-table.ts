import type { DataHome, DataHomeStore } from './data-home.store';

/** The data homes this process knows of. A table set that nobody has decided about is at `none`. */
export class DataHomeTable {
  private homes: ReadonlyMap<string, DataHome> = new Map();
  private readonly followers = new Set<() => void>();
  /** Of the newest decision among them; 0 if there is none. */
  known = 0;
  /** Of the newest one that is also in force here; what opens the databases raises it. */
  version = 0;

  constructor(private readonly store: DataHomeStore) {}

  of(tableSet: string): DataHome {
    return this.homes.get(tableSet) ?? 'none';
  }

  /** Also `none` can be a decision: somebody has said that it is to be decided by a person. */
  isDecided(tableSet: string): boolean {
    return this.homes.has(tableSet);
  }

  /** @throws DatabaseUnavailable, and the last ones stay in force: nobody can change them while host_db is away */
  async refresh(deadline = Date.now() + 1_000): Promise<void> {
    const stored = await this.store.list(deadline);
    this.homes = new Map(stored.map(({ table_set, home }) => [table_set, home]));
    this.known = Math.max(0, ...stored.map(({ version }) => version));
    for (const follower of this.followers) follower();
  }

  /** Called after each reading, also by one that found nothing new. @returns stops it */
  onRead(follower: () => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }
}
