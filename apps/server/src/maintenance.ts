import type { DomainName } from '@banyan/domains';
import { dropExpired as dropExpiredUploads } from '@banyan/media/contract';
import { dropExpired } from '@banyan/message/contract';
import { sweepRequestKeys } from '@banyan/platform/database/request-keys';
import { asSystem } from '@banyan/platform/dispatch/context';
import type { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import type { Databases } from '@banyan/platform/nest/databases';
import type { Logger } from '@banyan/platform/telemetry/log';

const HOUR_MS = 3_600_000;
/** Short enough that a process that is restarted each day sweeps too. */
const FIRST_MS = 60_000;

/** Every hour: forget request keys, inbox rows and deliveries that have had their time. Several processes at once do no harm. */
export class Maintenance {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly databases: Databases,
    private readonly dispatcher: Dispatcher,
    private readonly domains: readonly DomainName[],
    private readonly log: Logger,
  ) {}

  start(): void {
    this.schedule(FIRST_MS);
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(delayMs: number): void {
    this.timer = setTimeout(() => {
      this.running = this.sweep().catch((error: unknown) =>
        this.log.warn({ err: error }, 'maintenance failed; it is tried again in an hour'),
      );
      void this.running.then(() => this.schedule(HOUR_MS));
    }, delayMs).unref();
  }

  private async sweep(): Promise<void> {
    for (const [, { database, inbox }] of this.databases.entries()) {
      await sweepRequestKeys(database);
      await inbox.sweep();
    }
    const due = [
      ...(this.domains.includes('message') ? [dropExpired] : []),
      ...(this.domains.includes('media') ? [dropExpiredUploads] : []),
    ];
    for (const sweep of due) {
      await asSystem('maintenance', { key: `maintenance-${Date.now()}`, timeoutMs: 60_000 }, () => this.dispatcher.call(sweep, {}));
    }
  }
}
