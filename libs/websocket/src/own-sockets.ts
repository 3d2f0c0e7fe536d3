import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { ClientSocket } from './client-socket';

/** As the monolith's server: a ping each 20 s, and whoever has not answered by the next is gone. */
const PING_SECONDS = 20;
/** Over so long the sockets of a process that stops are closed, so that not all come again at one moment. */
const DRAIN_MS = 5_000;
/** Fewer are closed sooner. */
const DRAIN_MS_EACH = 5;

/** The sockets that this process serves itself: whether their clients are still there, until when their tokens are good, and their end. */
@Injectable()
export class OwnSockets implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly sockets = new Set<ClientSocket>();
  private tick: NodeJS.Timeout | undefined;
  private seconds = 0;
  isDraining = false;

  get count(): number {
    return this.sockets.size;
  }

  add(socket: ClientSocket): void {
    socket.slot = this.seconds % PING_SECONDS; // spread as they came
    this.sockets.add(socket);
    if (this.isDraining) socket.restart();
  }

  remove(socket: ClientSocket): void {
    this.sockets.delete(socket);
  }

  onApplicationBootstrap(): void {
    this.tick = setInterval(() => this.look(), 1_000).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.tick);
    for (const socket of this.sockets) socket.terminate();
  }

  /** Every client is told to come again, and finds another process. */
  async drain(): Promise<void> {
    this.isDraining = true;
    const all = [...this.sockets];
    const eachMs = Math.min(DRAIN_MS_EACH, DRAIN_MS / Math.max(1, all.length));
    const started = performance.now();
    for (const [index, socket] of all.entries()) {
      const aheadMs = index * eachMs - (performance.now() - started);
      if (aheadMs > 10) await pause(aheadMs);
      socket.restart();
    }
  }

  private look(): void {
    const now = Date.now() / 1_000;
    const slot = ++this.seconds % PING_SECONDS;
    for (const socket of this.sockets) {
      if ((socket.user.until ?? Infinity) <= now) socket.end();
      else if (socket.slot === slot) socket.ping();
    }
  }
}
