import type { WebSocket } from 'ws';
import { localNow } from './clock';

/** A frame to a client: flat, with its `type`. */
export type Frame = Readonly<Record<string, unknown>> & { readonly type: string };

/** Who is connected, with all devices. Ids are what the clients typed in their paths. */
export class Sockets {
  private readonly byUser = new Map<string, Set<WebSocket>>();

  /** Everybody else hears of it, for a second device as well. */
  add(userId: string, socket: WebSocket): void {
    this.byUser.set(userId, (this.byUser.get(userId) ?? new Set()).add(socket));
  }

  /** Everybody hears of it, whatever devices remain; also when there was nothing to remove. */
  remove(userId: string, socket?: WebSocket): void {
    const sockets = this.byUser.get(userId);
    if (socket) sockets?.delete(socket);
    if (sockets?.size === 0) this.byUser.delete(userId);
    this.broadcast({ type: 'user_offline', user_id: userId });
  }

  announce(userId: string): void {
    this.broadcast({ type: 'user_online', user_id: userId, timestamp: localNow() }, userId);
  }

  /** @returns whether at least one socket took it */
  send(userId: unknown, frame: Frame): boolean {
    const sockets = typeof userId === 'string' ? (this.byUser.get(userId) ?? []) : [];
    let isTaken = false;
    for (const socket of sockets) isTaken = sendFrame(socket, frame) || isTaken;
    return isTaken;
  }

  online(): string[] {
    return [...this.byUser.keys()];
  }

  closeAll(code: number): void {
    for (const sockets of this.byUser.values()) for (const socket of sockets) socket.close(code);
  }

  private broadcast(frame: Frame, exceptUser?: string): void {
    for (const [userId] of this.byUser) if (userId !== exceptUser) this.send(userId, frame);
  }
}

export function sendFrame(socket: WebSocket, frame: Frame): boolean {
  if (socket.readyState !== socket.OPEN) return false;
  socket.send(JSON.stringify(frame));
  return true;
}
