import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Database } from '../database/database';

/** Hears when something was committed to a schema's outbox, on a connection of its own that comes back by itself. */
export class Listener {
  private readonly stopping = new AbortController();
  private client: Client | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    /** Also called after each connecting: something may have been missed. */
    private readonly onCommit: () => void,
    private readonly retryMs = 1_000,
  ) {}

  start(): void {
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.client?.end().catch(() => undefined);
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await this.listen().catch(() => undefined);
      await sleep(this.retryMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** Until the connection ends. */
  private async listen(): Promise<void> {
    const client = this.database.client();
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    client.on('error', () => undefined);
    client.on('notification', () => this.onCommit());
    this.client = client;
    try {
      await client.connect();
      const { rows } = await client.query<{ listen: string }>(`SELECT format('LISTEN %I', current_schema() || '_outbox') AS listen`);
      await client.query(rows[0]?.listen ?? '');
      this.onCommit();
      if (!this.stopping.signal.aborted) await ended;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
