import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { DatabaseUnavailable } from '../database/errors';
import type { Lease } from './lease';

/**
 * Does a job again and again while this process holds its lease: whenever it is woken, and each `tickMs` in any case. When the
 * database is away it waits and goes on by itself.
 */
export class LeasedLoop {
  private readonly logger: Logger;
  private readonly stopping = new AbortController();
  private running: Promise<unknown> | undefined;
  private alarm: (() => void) | undefined;
  private isWoken = false;

  constructor(
    private readonly lease: Lease,
    /** `isSweep` at least each `tickMs`: look at everything, not only at what was announced. */
    private readonly work: (isSweep: boolean) => Promise<void>,
    private readonly tickMs = 1_000,
  ) {
    this.logger = new Logger(`events:${lease.job}`);
  }

  get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  start(): void {
    this.running ??= Promise.all([this.keepLease(), this.run()]);
  }

  wake(): void {
    this.isWoken = true;
    this.alarm?.();
  }

  /** Finishes what is under way, then lets another process take over. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake();
    await this.running;
    await this.attempt(() => this.lease.release());
  }

  private async keepLease(): Promise<void> {
    while (!this.isStopping) {
      const wasHeld = this.lease.isHeld;
      await this.attempt(() => this.lease.take());
      if (this.lease.isHeld && !wasHeld) this.wake();
      await sleep(this.tickMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  private async run(): Promise<void> {
    let swept = -Infinity;
    while (!this.isStopping) {
      await this.nextWake();
      if (this.isStopping || !this.lease.isHeld) continue;
      const isSweep = performance.now() - swept >= this.tickMs;
      if (isSweep) swept = performance.now();
      await this.attempt(() => this.work(isSweep));
    }
  }

  private async nextWake(): Promise<void> {
    if (!this.isWoken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.tickMs);
        this.alarm = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.alarm = undefined;
    this.isWoken = false;
  }

  private async attempt(step: () => Promise<unknown>): Promise<void> {
    try {
      await step();
    } catch (error) {
      // Expected, and reported by the health check; the next tick tries again.
      if (!(error instanceof DatabaseUnavailable)) this.logger.error(error instanceof Error ? error.stack : String(error));
    }
  }
}
