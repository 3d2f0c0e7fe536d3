import { setTimeout as pause } from 'node:timers/promises';
import { groupContract, type PostedMessage } from '@banyan/group/contract';
import type { ClientOf } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { InjectKeyValue } from '@banyan/platform/nest/inject';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { groupMessageSentFrame, newGroupMessageFrame } from './group-frames';
import { WebsocketService } from './websocket.service';

/** Whoever shows a message has died if it takes longer; then it is shown again. */
const SHOWING_MS = 2_000;
/** The event of a message comes within this time, or what it repeats costs no more than it did the first time. */
const SHOWN_MS = 60_000;
const LOOK_MS = 50;
/** Messages that this process has shown. */
const REMEMBERED = 20_000;

/**
 * Shows messages to the members of a group who are there. Who has received one on a socket shows it at once, so that messages of one
 * socket stay in order; the event shows those that came otherwise, and those whose process died in between. Both doing it would do no
 * harm but for the work: a group may have 10,000 members.
 */
@Injectable()
export class GroupFanout {
  private readonly shown = new LRUCache<string, true>({ max: REMEMBERED });

  constructor(
    private readonly sockets: WebsocketService,
    @Client(groupContract) private readonly groups: ClientOf<typeof groupContract>,
    @InjectKeyValue() private readonly keyvalue: KeyValue,
  ) {}

  /**
   * Members are asked for after the message was stored: whoever was removed before it is not among them.
   *
   * @throws KeyValueUnavailable if only those in this process could be shown it; then it does not count as shown, and its event does it
   */
  async show(message: PostedMessage): Promise<void> {
    const { group_id, message_id, sender_id } = message;
    const [{ user_ids }] = await Promise.all([this.groups.members({ group_id }), this.note(message_id, 'showing', SHOWING_MS)]);
    const others = user_ids.filter((id) => id !== sender_id);
    await Promise.all([
      this.sockets.reachMany(others, newGroupMessageFrame(message)),
      this.sockets.reachMany([sender_id], groupMessageSentFrame(message)),
    ]);
    this.shown.set(message_id, true);
    await this.note(message_id, 'shown', SHOWN_MS);
  }

  /** Whether this process has shown it. False says nothing: others show, too. */
  hasShown(messageId: string): boolean {
    return this.shown.has(messageId);
  }

  /** Unless somebody has done it. */
  async showMissed(messageId: string): Promise<void> {
    let state = await this.find(messageId);
    while (state === 'showing') {
      await pause(LOOK_MS);
      state = await this.find(messageId);
    }
    if (state === 'shown') return;
    const { message } = await this.groups.posted({ message_id: messageId });
    if (message) await this.show(message);
  }

  async tellMembers(groupId: string, frame: Parameters<WebsocketService['pushMany']>[1]): Promise<void> {
    const { user_ids } = await this.groups.members({ group_id: groupId });
    await this.sockets.pushMany(user_ids, frame);
  }

  /** A store that is away costs the work, not the message. */
  private async note(messageId: string, state: 'showing' | 'shown', ttlMs: number): Promise<void> {
    await this.keyvalue.set(keyOf(messageId), state, ttlMs).catch(() => undefined);
  }

  private find(messageId: string): Promise<string | undefined> {
    return this.keyvalue.get(keyOf(messageId)).catch(() => undefined);
  }
}

const keyOf = (messageId: string) => `group-message:${messageId}`;
