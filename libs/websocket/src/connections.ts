import { Injectable } from '@nestjs/common';
import type { Frame } from './contract';

/** An open socket of this process. */
export interface Connection {
  readonly connectionId: string;
  readonly userId: string;
  /** Of the token that opened it; undefined if that has none. */
  readonly sessionId?: string;
  /** @returns false if the socket cannot take it (any more), or has yet to be greeted before it gets it */
  send(frame: Frame): boolean;
  /** Closes it: whoever holds it is not signed in any more. */
  end(): void;
}

/** The sockets that end in this process. */
@Injectable()
export class Connections {
  private readonly byUser = new Map<string, Set<Connection>>();

  add(connection: Connection): void {
    const own = this.byUser.get(connection.userId) ?? new Set();
    this.byUser.set(connection.userId, own.add(connection));
  }

  remove(connection: Connection): void {
    const own = this.byUser.get(connection.userId);
    own?.delete(connection);
    if (own?.size === 0) this.byUser.delete(connection.userId);
  }

  of(userId: string): Iterable<Connection> {
    return this.byUser.get(userId) ?? [];
  }

  users(): string[] {
    return [...this.byUser.keys()];
  }

  *all(): Iterable<Connection> {
    for (const own of this.byUser.values()) yield* own;
  }
}
