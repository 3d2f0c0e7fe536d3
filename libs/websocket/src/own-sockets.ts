import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { spreadOut } from '@banyan/platform/dispatch/spread';
import type { ClientSocket } from './client-socket';
import { Unread } from './unread';

/** As the monolith's server: a ping each 20 s, and whoever has not answered by the next is gone. */
const PING_SECONDS = 20;

/** The sockets that this process serves itself: whether their clients are still there, until when their tokens are good, and their end. */
@Injectable()
export class OwnSockets implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly sockets = new Set<ClientSocket>();
  private tick: NodeJS.Timeout | undefined;
  private seconds = 0;
  readonly unread = new Unread();
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
    this.unread.forget(socket);
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
    await spreadOut([...this.sockets], (socket) => socket.restart());
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
