import { randomUUID } from 'node:crypto';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { type Connection, Connections } from './connections';
import type { Frame } from './contract';
import { DistantSockets } from './distant-sockets';
import { LEASE_MS, Presence } from './presence';
import { Whereabouts } from './whereabouts';

const RENEWAL_MS = LEASE_MS / 5;
/** Whom a stopped process has sent away has come again elsewhere by then, or is gone. */
const COMING_AGAIN_MS = 10_000;

/** Of so many pushes this process knows that sockets took them. */
const REMEMBERED_PUSHES = 20_000;

@Injectable()
export class WebsocketService implements OnApplicationBootstrap, OnModuleDestroy {
  private renewal: NodeJS.Timeout | undefined;
  /** These may have missed what was for them. */
  onMissed: (userIds: readonly string[]) => void = () => undefined;
  private owed = new Set<string>();
  /** What took its way from here just now, to all sockets that its user has. */
  private readonly pushed = new LRUCache<string, true>({ max: REMEMBERED_PUSHES });
  private readonly awaited = new Map<string, Set<() => void>>();

  constructor(
    private readonly connections: Connections,
    private readonly presence: Presence,
    private readonly distant: DistantSockets,
    private readonly whereabouts: Whereabouts,
    @InjectLog() private readonly log: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.distant.listen({
      deliver: (userId, frame) => this.deliver(userId, frame),
      end: (userId, sessionId) => this.endOwn(userId, sessionId),
      onGap: () => void this.hearAgain(),
    });
    await this.whereabouts.renew(this.distant.processId, []).catch(() => undefined); // away at the start: the next renewal says it
    this.renewal = setInterval(() => void this.renew(), RENEWAL_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.renewal);
    await this.distant.stop();
    await Promise.allSettled([this.presence.release([...this.connections.all()], COMING_AGAIN_MS)]);
  }

  /** Says in which process it is, so that the others find it. */
  newConnectionId(): string {
    return `${this.distant.processId}.${randomUUID()}`;
  }

  async open(connection: Connection): Promise<void> {
    this.connections.add(connection);
    try {
      await Promise.all([this.presence.renew([connection]), this.whereabouts.add(this.distant.processId, [connection.userId])]);
    } catch (error) {
      this.owe(connection.userId);
      throw error;
    }
  }

  /** He was not found, or not shown his queue: it is asked for as soon as he has certainly been found. */
  owe(userId: string): void {
    this.owed.add(userId);
  }

  /** @returns true if the user is offline now */
  async close(connection: Connection): Promise<boolean> {
    this.connections.remove(connection);
    const wasLastHere = this.here(connection.userId).length === 0;
    if (wasLastHere) this.whereabouts.remove(this.distant.processId, connection.userId).catch(() => undefined); // its lease ends
    return this.presence.leave(connection.userId, connection.connectionId);
  }

  /** To the sockets of this process at once; to those of others as long as the key-value store tells of them. */
  async push(userId: string, frame: Frame): Promise<{ delivered: number }> {
    const here = this.deliver(userId, frame);
    const elsewhere = await this.distant.push(userId, frame).catch((error: unknown) => {
      this.log.warn({ err: error }, 'pushed only to the sockets of this process');
      return { delivered: 0, isComplete: false };
    });
    // Also if nobody was there: whoever opens a socket from now on is shown his queue.
    if (elsewhere.isComplete) this.notePushed(`${userId}/${frame.id}`);
    return { delivered: here + elsewhere.delivered };
  }

  private notePushed(name: string): void {
    this.pushed.set(name, true);
    for (const go of this.awaited.get(name) ?? []) go();
    this.awaited.delete(name);
  }

  /** Whether this process has pushed a frame of that id to all sockets that the user had. False says nothing: others push too. */
  hasPushed(userId: string, frameId: string): boolean {
    return this.pushed.has(`${userId}/${frameId}`);
  }

  /** The same, as soon as it is true or `patienceMs` have passed. */
  async hasPushedWithin(userId: string, frameId: string, patienceMs: number): Promise<boolean> {
    const name = `${userId}/${frameId}`;
    if (this.pushed.has(name) || patienceMs <= 0) return this.pushed.has(name);
    const waiting = this.awaited.get(name) ?? new Set();
    this.awaited.set(name, waiting);
    await new Promise<void>((resolve) => {
      const go = () => {
        clearTimeout(timer);
        resolve();
        waiting.delete(go);
        if (waiting.size === 0) this.awaited.delete(name);
      };
      const timer = setTimeout(go, patienceMs);
      waiting.add(go);
    });
    return this.pushed.has(name);
  }

  /** Whether it arrives nobody hears: for what is good only at this moment, or comes again otherwise. */
  async pushMany(userIds: readonly string[], frame: Frame): Promise<Record<string, never>> {
    await this.reachMany(userIds, frame).catch((error: unknown) => {
      this.log.warn({ err: error }, 'pushed only to the sockets of this process');
    });
    return {};
  }

  /** To the sockets of this process at once, to those of others when it is known where they are. @throws KeyValueUnavailable: then only to the first */
  async reachMany(userIds: readonly string[], frame: Frame): Promise<void> {
    for (const userId of userIds) this.deliver(userId, frame);
    await this.distant.pushMany(userIds, frame);
  }

  /** Those of this process at once; of others as soon as they are told. `sessionId` null: all of the user's. */
  async endSessions(userId: string, sessionId: string | null): Promise<Record<string, never>> {
    this.endOwn(userId, sessionId);
    await this.distant.endSessions(userId, sessionId).catch((error: unknown) => {
      this.log.warn({ err: error }, 'ended only the sockets of this process');
    });
    return {};
  }

  async online(userIds: readonly string[]): Promise<{ online: string[] }> {
    const answers = await Promise.all(userIds.map((userId) => this.presence.isOnline(userId)));
    return { online: userIds.filter((_, index) => answers[index]) };
  }

  async onlineCount(): Promise<{ count: number }> {
    return { count: await this.presence.count() };
  }

  private endOwn(userId: string, sessionId: string | null): void {
    for (const connection of [...this.connections.of(userId)])
      if (sessionId === null || connection.sessionId === sessionId) connection.end();
  }

  /** Who has sockets in this process. */
  usersHere(): string[] {
    return this.connections.users();
  }

  here(userId: string): Connection[] {
    return [...this.connections.of(userId)];
  }

  /** Only to the sockets of this process. @returns how many took it */
  deliver(userId: string, frame: Frame): number {
    let delivered = 0;
    for (const connection of this.connections.of(userId)) if (connection.send(frame)) delivered++;
    return delivered;
  }

  private async hearAgain(): Promise<void> {
    const users = this.usersHere();
    for (const userId of users) this.owe(userId);
    if (!(await this.renew())) this.onMissed(users); // what there is by now; and once more when they are found
  }

  /** A store that is away for a while costs presence, not connections. */
  private async renew(): Promise<boolean> {
    const { owed } = this; // before: whoever fails to be found while this is under way is owed by the next
    this.owed = new Set();
    try {
      await this.presence.renew([...this.connections.all()]);
      const isKnown = await this.whereabouts.renew(this.distant.processId, this.usersHere());
      this.onMissed(isKnown ? [...owed] : this.usersHere());
      return true;
    } catch (error) {
      for (const userId of owed) this.owe(userId);
      this.log.warn({ err: error }, 'presence not renewed');
      return false;
    }
  }
}
