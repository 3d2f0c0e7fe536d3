import { randomUUID } from 'node:crypto';
import { asSystem } from '@banyan/platform/dispatch/context';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { Audience } from '@banyan/websocket/audience';
import type { ClientSocket } from '@banyan/websocket/client-socket';
import type { Connections } from '@banyan/websocket/connections';
import type { Frame } from '@banyan/websocket/contract';
import { now } from '@banyan/websocket/now';
import { LEASE_MS, type Presence } from '@banyan/websocket/presence';

/** While somebody listens, the whole list is read this often at most: each new socket brings it. */
const LIST_MS = 1_000;

export interface LegacyPresenceParts {
  readonly audience: Audience;
  readonly connections: Connections;
  readonly presence: Presence;
  /** Of this process, those to whom the monolith tells of everybody: that somebody has come only if they do not hear it from itself. */
  readonly legacysOwn: (isOnline: boolean) => Iterable<ClientSocket>;
  readonly log: Logger;
}

/**
 * Who is online at the monolith. It says so to every socket that it has; of the upstreams of this process one is listened to, the newest that
 * brought the whole list, so that what is heard is one stream in order. Who has a socket of ours is ours to tell of, the others are told of here.
 */
export class LegacyPresence {
  private users = new Set<string>();
  private readonly greeted = new Set<ClientSocket>();
  private ear: ClientSocket | undefined;
  private listAt = -Infinity;
  private deaf: NodeJS.Timeout | undefined;
  private telling = Promise.resolve();

  constructor(private readonly parts: LegacyPresenceParts) {}

  has(userId: string): boolean {
    return this.users.has(userId);
  }

  /** The greeting of an upstream: everybody else who is there. */
  list(client: ClientSocket, { online_users }: Frame['body']): void {
    this.greeted.add(client);
    const at = performance.now();
    if ((this.ear && at - this.listAt < LIST_MS) || !Array.isArray(online_users)) return;
    clearTimeout(this.deaf);
    this.deaf = undefined;
    [this.ear, this.listAt] = [client, at];
    const before = this.users;
    this.users = new Set([...(online_users as unknown[]).map(String), client.userId]);
    for (const userId of before) if (!this.users.has(userId)) this.tell(userId, false);
    for (const userId of this.users) if (!before.has(userId)) this.tell(userId, true);
  }

  /** Somebody has come or gone. */
  hear(client: ClientSocket, { type, body: { user_id } }: Frame): void {
    if (client !== this.ear || typeof user_id !== 'string') return;
    if (type === 'user_offline' ? this.users.delete(user_id) : !this.users.has(user_id)) {
      if (type === 'user_online') this.users.add(user_id);
      this.tell(user_id, type === 'user_online');
    }
  }

  isEar(client: ClientSocket): boolean {
    return client === this.ear;
  }

  /** An upstream has gone. With the last one nothing is heard; if that lasts, nobody there is believed to be online. */
  lose(client: ClientSocket): void {
    this.greeted.delete(client);
    if (client !== this.ear) return;
    [this.ear] = this.greeted;
    this.listAt = -Infinity;
    if (!this.ear) this.deaf ??= setTimeout(() => this.forgetAll(), LEASE_MS).unref();
  }

  stop(): void {
    clearTimeout(this.deaf);
  }

  private forgetAll(): void {
    this.deaf = undefined;
    const { users } = this;
    this.users = new Set();
    for (const userId of users) this.tell(userId, false);
  }

  /** In the order in which it was heard. */
  private tell(userId: string, isOnline: boolean): void {
    this.telling = this.telling.then(() =>
      asSystem('legacy presence', { key: randomUUID() }, () => this.show(userId, isOnline)).catch((error: unknown) =>
        this.parts.log.warn({ err: error }, 'not told who is online at the monolith'),
      ),
    );
  }

  private async show(userId: string, isOnline: boolean): Promise<void> {
    const { audience, connections, presence, legacysOwn } = this.parts;
    if (this.isOurs(userId) || this.users.has(userId) !== isOnline || (await presence.isOnline(userId))) return;
    const body = isOnline ? { user_id: userId, timestamp: now() } : { user_id: userId };
    const frame: Frame = { type: isOnline ? 'user_online' : 'user_offline', id: '', body };
    for (const client of legacysOwn(isOnline))
      if (client.userId !== userId && (isOnline || client.believesOnline(userId))) client.send(frame);
    for (const other of await audience.of(userId)) for (const client of connections.of(other)) client.send(frame);
  }

  private isOurs(userId: string): boolean {
    for (const _ of this.parts.connections.of(userId)) return true;
    return false;
  }
}
