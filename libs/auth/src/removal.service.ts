import { setTimeout as pause } from 'node:timers/promises';
import { groupContract } from '@banyan/group/contract';
import { mediaContract } from '@banyan/media/contract';
import { messageContract } from '@banyan/message/contract';
import { notificationContract } from '@banyan/notification/contract';
import type { ClientOf, UserActor } from '@banyan/platform/contract';
import { Database } from '@banyan/platform/database/database';
import { Client } from '@banyan/platform/dispatch/client';
import { Outbox } from '@banyan/platform/events/outbox';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { userContract } from '@banyan/user/contract';
import { Injectable } from '@nestjs/common';
import { AuthStore, type Account } from './auth.store';
import { LastAdmin, RemovalByAdminsOnly, RemovalGoesOn, userRemoved, UserToRemoveNotFound } from './contract';
import { PasswordService } from './password.service';
import { type Removal, RemovalStore } from './removal.store';
import { type Place, SessionService } from './session.service';

/** So long the request waits for the domains; what is not done by then is done without it. */
const WAIT_MS = 4_000;
/** Before the worker takes it over. Longer than a request works on it. */
const HEAD_START_MS = 6_000;

/**
 * The removal of an account: a saga. First nobody gets in any more and it is written down; then each domain erases what it keeps for the
 * user, in any order and as often as it takes; the row goes last, with the event. Whoever is killed in between, somebody goes on.
 */
@Injectable()
export class RemovalService {
  private readonly purges: Readonly<Record<string, (userId: string) => Promise<unknown>>>;

  constructor(
    private readonly store: RemovalStore,
    private readonly accounts: AuthStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly passwords: PasswordService,
    private readonly sessions: SessionService,
    @InjectLog() private readonly log: Logger,
    @Client(userContract) users: ClientOf<typeof userContract>,
    @Client(messageContract) messages: ClientOf<typeof messageContract>,
    @Client(groupContract) groups: ClientOf<typeof groupContract>,
    @Client(mediaContract) media: ClientOf<typeof mediaContract>,
    @Client(notificationContract) notifications: ClientOf<typeof notificationContract>,
  ) {
    this.purges = {
      user: (user_id) => users.purge({ user_id }),
      message: (user_id) => messages.purge({ user_id }),
      group: (user_id) => groups.purge({ user_id }),
      media: (user_id) => media.purge({ user_id }),
      notification: (user_id) => notifications.purge({ user_id }),
    };
  }

  /** @throws RemovalByAdminsOnly, UserToRemoveNotFound, LastAdmin, RemovalGoesOn */
  async removeByAdmin({ userId: by }: UserActor, adminId: string, userId: string, key: string) {
    if (adminId !== by) throw RemovalByAdminsOnly();
    const account = await this.accounts.find(userId);
    const deleted_email = account?.email ?? (await this.removedBefore(userId, key));
    if (account) await this.remove(userId, by, key);
    return { status: 'success' as const, message: 'User account and all related data removed successfully', deleted_email };
  }

  /** @throws WrongPassword, AccountNotFound, LastAdmin, RemovalGoesOn */
  async removeMe(actor: UserActor, password: string, place: Place, key: string) {
    await this.passwords.confirm(actor, password, place);
    await this.remove(actor.userId, actor.userId, key);
    return { success: true as const };
  }

  /** Goes on with those that nobody works on. Called again and again by one process. */
  async resume(): Promise<void> {
    for (const { user_id } of await this.store.due(10)) {
      await this.carryOut(user_id).catch((error: unknown) => {
        this.log.warn({ err: error, user_id }, 'a removal is not finished yet');
        return this.store.postpone(user_id);
      });
    }
  }

  private async removedBefore(userId: string, key: string): Promise<string> {
    const removal = await this.store.find(userId);
    const email = removal?.key === key ? await this.store.deletedEmail(userId) : undefined;
    if (email === undefined) throw UserToRemoveNotFound();
    return email;
  }

  private async remove(userId: string, by: string, key: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      const { account, otherAdmins } = await this.store.lock(tx, userId);
      if (!account) return;
      if (account.role === 'admin' && otherAdmins === 0) throw LastAdmin();
      await this.begin(tx, account, by, key);
    });
    const done = this.carryOut(userId).then(
      () => true,
      (error: unknown) => {
        this.log.warn({ err: error, user_id: userId }, 'a removal goes on by itself');
        return false;
      },
    );
    const clock = new AbortController();
    const isDone = await Promise.race([done, pause(WAIT_MS, false, { signal: clock.signal })]).finally(() => clock.abort());
    if (!isDone) throw RemovalGoesOn();
  }

  private async begin(tx: Parameters<RemovalStore['begin']>[0], account: Account, by: string, key: string): Promise<void> {
    await this.store.begin(tx, account, by, key, HEAD_START_MS);
    await this.sessions.endAllIn(tx, account.id, 'removed');
  }

  private async carryOut(userId: string): Promise<void> {
    await this.sessions.spread(userId, null);
    const removal = await this.store.find(userId);
    await Promise.all(this.left(removal).map((domain) => this.purge(domain, userId)));
    await this.database.transaction(async (tx) => {
      if (await this.store.finish(tx, userId)) await this.outbox.add(tx, userRemoved, { user_id: userId }, { key: userId });
    });
    await this.sessions.spread(userId, null);
  }

  private left(removal: Removal | undefined): string[] {
    return Object.keys(this.purges).filter((domain) => !removal?.purged.includes(domain));
  }

  private async purge(domain: string, userId: string): Promise<void> {
    await this.purges[domain]!(userId);
    await this.store.notePurged(userId, domain);
  }
}
