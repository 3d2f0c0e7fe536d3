import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Database } from '../database/database';

/** Hears when something was committed in a schema, on a connection of its own that comes back by itself. */
export class Listener {
  private readonly stopping = new AbortController();
  private isRunning = false;

  constructor(
    private readonly database: Database,
    /** Also called after each connecting: something may have been missed. */
    private readonly onCommit: () => void,
    /** The channel is `<schema>_<topic>`. */
    private readonly options: { readonly topic: 'outbox' | 'changes'; readonly retryMs?: number },
  ) {}

  start(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    void this.run();
  }

  /** Does not wait for the goodbye, which a frozen server would never return. */
  stop(): void {
    this.stopping.abort();
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await this.listen().catch(() => undefined);
      await sleep(this.options.retryMs ?? 1_000, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** Until the connection ends, or the data moves. */
  private async listen(): Promise<void> {
    const { place } = this.database;
    const client = this.database.client();
    const { promise: ended, end } = endOf(client);
    this.stopping.signal.addEventListener('abort', end);
    // The data may have moved: what is committed there is not heard here.
    const looking = setInterval(() => this.database.place !== place && end(), this.options.retryMs ?? 1_000);
    client.on('error', () => undefined);
    client.on('notification', () => this.onCommit());
    try {
      await client.connect();
      const { rows } = await client.query<{ listen: string }>(`SELECT format('LISTEN %I', current_schema() || '_' || $1) AS listen`, [
        this.options.topic,
      ]);
      await client.query(rows[0]?.listen ?? '');
      this.onCommit();
      await ended;
    } finally {
      clearInterval(looking);
      this.stopping.signal.removeEventListener('abort', end);
      void client.end().catch(() => undefined);
    }
  }
}

function endOf(client: Client): { promise: Promise<void>; end: () => void } {
  let end: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => (end = resolve));
  client.once('end', end);
  return { promise, end };
}
