import { Database, type Transaction } from '@banyan/platform/database/database';
import { once } from '@banyan/platform/database/request-keys';
import { Inbox } from '@banyan/platform/events/inbox';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { type Kind, type MailState, type Notification, NotificationNotFound } from './contract';
import { kinds } from './kinds';
import { type MailData, MailStore } from './mail.store';
import { Sender } from './sending/sender';
import { userSubject } from './wish.service';
import { WishStore } from './wish.store';

const KEY_LIFE_MS = 24 * 3_600_000;

/** What happened that somebody gets a mail about. */
export interface Occasion {
  readonly kind: Kind;
  /** Whom it is for; null for an address that has no account. */
  readonly userId: string | null;
  /** Who made it happen, if somebody else. */
  readonly causedBy?: string;
  readonly data: MailData;
}

@Injectable()
export class NotificationService {
  constructor(
    private readonly store: MailStore,
    private readonly wishes: WishStore,
    private readonly database: Database,
    private readonly inbox: Inbox,
    private readonly sender: Sender,
  ) {}

  /** One mail for one event, however often it comes. It is sent by itself, here or in another process. */
  async queueOnce(event: Pick<Delivered, 'id' | 'subscription'>, occasion: Occasion): Promise<void> {
    await this.inbox.once(event, (tx) => this.queue(tx, occasion));
  }

  /** What is written after a user was forgotten, by an event that was late, is forgotten by the event of his removal. */
  async purge(userId: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      await this.store.forget(tx, userId);
      await this.wishes.forget(tx, userSubject(userId));
    });
  }

  /** An example of a kind for whoever asks, once under his key. */
  sendTest(kind: Kind, userId: string, key: string): Promise<{ notification_id: string }> {
    const request = { userId, key, operation: 'notification.sendTest', body: { kind }, ttlMs: KEY_LIFE_MS };
    return this.database.transaction((tx) =>
      once(tx, request, async () => ({ notification_id: await this.queue(tx, { kind, userId, data: {} }, true) })),
    );
  }

  async list(userId: string, limit: number, before: string | null) {
    const notifications = await this.store.listOf(userId, limit, before);
    return { notifications, next_cursor: cursorAfter(notifications, limit) };
  }

  /** @throws NotificationNotFound */
  async markRead(userId: string, id: string): Promise<Notification> {
    const notification = await this.store.markRead(userId, id);
    if (!notification) throw NotificationNotFound();
    return notification;
  }

  async mails(state: MailState | null, limit: number, before: string | null) {
    const mails = await this.store.listAll(state, limit, before);
    return { mails, next_cursor: cursorAfter(mails, limit) };
  }

  waiting(): Promise<{ count: number; oldest_ms: number }> {
    return this.store.waiting();
  }

  private async queue(tx: Transaction, { kind, userId, causedBy, data }: Occasion, isTest = false): Promise<string> {
    const id = uuidv7();
    await this.store.insert(tx, {
      id,
      kind,
      is_test: isTest,
      user_id: userId,
      caused_by: causedBy,
      data,
      repeats_left: isTest ? 0 : kinds[kind].repeats,
    });
    tx.onCommit(() => this.sender.wake());
    return id;
  }
}

const cursorAfter = (page: readonly { readonly id: string }[], limit: number): string | null =>
  page.length < limit ? null : (page.at(-1)?.id ?? null);
