import { createSecretKey, type KeyObject } from 'node:crypto';
import { QueuedMessage } from '@banyan/message/contract';
import { sign } from 'jsonwebtoken';
import { z } from 'zod';

/** Legacy is asked beside our own queue, whose answer does not wait longer for it. */
const LIMIT_MS = 1_500;
const TOKEN_SECONDS = 60;

const Pending = z.object({ messages: z.array(z.unknown()) });
const Acknowledged = z.object({ status: z.string() });
const Stats = z.object({ stats: z.object({ total_messages: z.int() }) });

/** The queue that legacy's relay keeps in its process's memory, over HTTP, with a short token of the user whose part of it is wanted. */
export class LegacyQueue {
  private readonly key: KeyObject;

  constructor(
    private readonly origin: string,
    /** Shared with legacy. */
    secret: string,
  ) {
    this.key = createSecretKey(secret, 'utf8');
  }

  /** What waits for a user, in no order. Each call counts there as one more attempt to deliver. @throws Error if legacy does not answer as it does */
  async pending(userId: string): Promise<QueuedMessage[]> {
    const { messages } = Pending.parse(await this.call(userId, 'GET', 'pending'));
    return messages.flatMap((message) => toQueued(message) ?? []);
  }

  /** Anybody can take anything out of it there: only for a message that `pending` has just shown to this user. @throws Error */
  async acknowledge(userId: string, messageId: string): Promise<boolean> {
    const { status } = Acknowledged.parse(await this.call(userId, 'POST', 'acknowledge', { message_id: messageId }));
    return status === 'deleted';
  }

  /** How many messages wait for anybody, expired ones included. @throws Error */
  async total(userId: string): Promise<number> {
    return Stats.parse(await this.call(userId, 'GET', 'stats')).stats.total_messages;
  }

  private async call(userId: string, method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const exp = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
    const token = sign({ sub: userId, exp }, this.key, { algorithm: 'HS256', noTimestamp: true });
    const answer = await fetch(`${this.origin}/api/v1/relay/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(LIMIT_MS),
      redirect: 'error',
    });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`legacy answered ${answer.status} to ${method} relay/${path}`);
    return JSON.parse(text);
  }
}

/** In our form: instants end in `Z` and have six digits. Undefined for what no client could read either. */
function toQueued(message: unknown): QueuedMessage | undefined {
  const { data } = QueuedMessage.safeParse(message);
  return data && { ...data, created_at: toInstant(data.created_at) };
}

function toInstant(text: string): string {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00:00|Z)?$/.exec(text);
  return match ? `${match[1]}.${(match[2] ?? '').padEnd(6, '0')}Z` : text;
}
