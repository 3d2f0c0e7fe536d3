import { messageContract } from '@banyan/message/contract';
import type { ClientOf } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import { userContract } from '@banyan/user/contract';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

const REMEMBERED_PAIRS = 20_000;
/** Who is typing says so every second or so. */
const PAIR_MS = 10_000;

/** Who may see what of whom. */
@Injectable()
export class Audience {
  private readonly pairs = new LRUCache<string, boolean>({ max: REMEMBERED_PAIRS, ttl: PAIR_MS });

  constructor(
    @Client(userContract) private readonly users: ClientOf<typeof userContract>,
    @Client(messageContract) private readonly messages: ClientOf<typeof messageContract>,
  ) {}

  /** Who may see that he is there, without himself. */
  async of(userId: string): Promise<string[]> {
    const { contacts, contact_of } = await this.users.circle({ user_id: userId });
    const all = new Set([...contacts, ...contact_of]);
    all.delete(userId);
    return [...all];
  }

  /** Whether one may show the other that he is typing: to himself, to a contact in either direction, to whom he has a conversation with. */
  async mayType(from: string, to: string): Promise<boolean> {
    if (from === to) return true;
    const pair = `${from}/${to}`;
    let may = this.pairs.get(pair);
    if (may === undefined) {
      const { contacts, contact_of } = await this.users.circle({ user_id: from });
      may = contacts.includes(to) || contact_of.includes(to) || (await this.haveWritten(from, to));
      this.pairs.set(pair, may);
    }
    return may;
  }

  private async haveWritten(from: string, to: string): Promise<boolean> {
    const { allowed } = await this.users.canMessage({ from, to });
    return allowed && (await this.messages.haveWritten({ user_id: from, other_id: to })).written;
  }
}
