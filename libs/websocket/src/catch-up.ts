import { AccountNotFound, authContract } from '@banyan/auth/contract';
import { type ClientOf, isError, type UserActor } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import { asSystem, asUser } from '@banyan/platform/dispatch/context';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { relayContract } from '@banyan/relay/contract';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { Connection } from './connections';
import { WebsocketService } from './websocket.service';

/** So many are asked about at a time: all of a process are, and the others do the same at this moment. */
const AT_ONCE = 8;

/**
 * What others said while this process could not be found or did not hear: messages wait in queues, and whoever was signed out is known to
 * auth. Sockets stay open over it.
 */
@Injectable()
export class CatchUp implements OnApplicationBootstrap {
  private readonly waiting = new Set<string>();
  private running: Promise<void> | undefined;

  constructor(
    private readonly sockets: WebsocketService,
    @Client(authContract) private readonly accounts: ClientOf<typeof authContract>,
    @Client(relayContract) private readonly relay: ClientOf<typeof relayContract>,
    @InjectLog() private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.sockets.onMissed = (userIds) => this.askFor(userIds);
  }

  private askFor(userIds: readonly string[]): void {
    for (const userId of userIds) this.waiting.add(userId);
    if (this.waiting.size === 0) return;
    this.running ??= this.askForAll().finally(() => {
      this.running = undefined;
      this.askFor([]);
    });
  }

  /** Who cannot be asked for is owed it until the next renewal. */
  private async askForAll(): Promise<void> {
    this.log.warn({ users: this.waiting.size }, 'asking what some may have missed');
    const failures: unknown[] = [];
    const askForSome = async () => {
      for (const userId of this.waiting) {
        this.waiting.delete(userId);
        await this.ask(userId).catch((error: unknown) => {
          failures.push(error);
          this.sockets.owe(userId);
        });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, askForSome));
    if (failures.length > 0) this.log.warn({ users: failures.length, err: failures[0] }, 'what some have missed is not known yet');
  }

  private async ask(userId: string): Promise<void> {
    for (const connection of [...this.sockets.here(userId)]) if (!(await this.isSignedIn(connection))) connection.end();
    if (this.sockets.here(userId).length === 0) return;
    const actor: UserActor = { kind: 'user', userId, role: 'user' };
    const { messages } = await asUser(actor, { key: randomUUID() }, () => this.relay.queue({}));
    // None that he has had: a socket remembers.
    for (const data of messages) this.sockets.deliver(userId, { type: 'relay_message', id: data.id, body: { data } });
  }

  private async isSignedIn({ userId, sessionId }: Connection): Promise<boolean> {
    try {
      const account = asSystem('sockets', { key: randomUUID() }, () => this.accounts.caller({ user_id: userId, session_id: sessionId }));
      const { is_active, is_live } = await account;
      return is_active && (sessionId === undefined || is_live);
    } catch (error) {
      if (isError(error, AccountNotFound)) return false;
      throw error;
    }
  }
}
