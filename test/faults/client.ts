import { randomBytes } from 'node:crypto';
import type { Answer, History, Invocation, Seen } from './history';
import { HttpClient, type Outcome } from './http';

/** Twice an operation's `timeoutMs` and 500 ms: what a request's deadline is by contract. */
const DEADLINE_MS = { send: 4_500, acknowledge: 4_500, pending: 10_500, conversation: 10_500 } as const;
/** So much later a client stops listening. That it never has to is what is tested; how late an answer came is not. */
const PATIENCE_MS = 5_000;

export interface Account {
  readonly id: string;
  readonly token: string;
}

/** What was wrong with the form of answers, and how many of each kind there were. */
export class Tally {
  readonly counts = new Map<string, number>();
  readonly complaints: string[] = [];

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** How many were not answered as asked. */
  get unserved(): number {
    return [...this.counts].reduce((sum, [what, count]) => (what.endsWith(' 200') ? sum : sum + count), 0);
  }

  /** How many requests a server had taken and did not answer as asked, whatever it said. Not to be taken is no failure of a request. */
  get failed(): number {
    return [...this.counts].reduce(
      (sum, [what, count]) => (/ (\d+|SILENCE|.* accepted)$/.test(what) && !what.endsWith(' 200') ? sum + count : sum),
      0,
    );
  }

  /** How many requests the server had taken and did not answer. */
  get dropped(): number {
    return [...this.counts].reduce((sum, [what, count]) => (what.endsWith(' accepted') ? sum + count : sum), 0);
  }
}

/** A device of a user: one request at a time, each recorded. */
export class Device {
  private readonly http = new HttpClient();
  private current = 0;

  /** @param urls of servers with the same data; the first is asked until it does not take a request, then the next */
  constructor(
    private readonly urls: readonly string[],
    private readonly account: Account,
    private readonly history: History,
    private readonly tally: Tally,
  ) {}

  get userId(): string {
    return this.account.id;
  }

  send(to: string, key: string): Promise<Answer> {
    const body = { recipient_id: to, encrypted_content: key, encrypted_session_key: 'k' };
    return this.ask({ ask: 'send', user: this.userId, to, key }, 'POST', '/relay/send', { body, key });
  }

  pending(): Promise<Answer> {
    return this.ask({ ask: 'pending', user: this.userId }, 'GET', '/relay/pending');
  }

  acknowledge(id: string): Promise<Answer> {
    return this.ask({ ask: 'acknowledge', user: this.userId, id }, 'POST', '/relay/acknowledge', { body: { message_id: id } });
  }

  conversation(other: string): Promise<Answer> {
    return this.ask({ ask: 'conversation', user: this.userId, other }, 'GET', `/messages/conversation/${other}`);
  }

  close(): void {
    this.http.close();
  }

  private ask(
    asked: Invocation,
    method: 'GET' | 'POST',
    path: string,
    { body, key }: { body?: unknown; key?: string } = {},
  ): Promise<Answer> {
    return this.history.record(asked, async () => {
      const outcome = await this.http.ask({
        method,
        url: `${this.urls[this.current]}/api/v1${path}`,
        headers: { authorization: `Bearer ${this.account.token}`, ...(key ? { 'idempotency-key': key } : {}) },
        body,
        patienceMs: DEADLINE_MS[asked.ask] + PATIENCE_MS,
      });
      this.note(asked, outcome);
      if ('lost' in outcome) this.current = (this.current + 1) % this.urls.length;
      return answerOf(asked, outcome);
    });
  }

  /** Counts it, and holds it to the promised form: 503 to come back, 504 for what may have happened, nothing else. */
  private note({ ask }: Invocation, outcome: Outcome): void {
    if ('lost' in outcome) {
      this.tally.count(`${ask} ${outcome.lost}${outcome.accepted ? ' accepted' : ''}`);
      if (outcome.lost === 'SILENCE') this.tally.complaints.push(`${ask}: no answer long after its deadline`);
      return;
    }
    const { status, headers, body } = outcome;
    this.tally.count(`${ask} ${status}`);
    if (status === 200) return;
    const isRead = ask === 'pending' || ask === 'conversation';
    const complain = (text: string) => this.tally.complaints.push(`${ask}: ${status} ${text} ${JSON.stringify(body)}`);
    if (status !== 503 && (status !== 504 || isRead)) complain('should not happen');
    else if (!headers['retry-after']) complain('without Retry-After');
    else if (status === 504 && !headers['idempotency-key']) complain('without Idempotency-Key');
  }
}

function answerOf({ ask }: Invocation, outcome: Outcome): Answer {
  if ('lost' in outcome) return outcome.lost === 'ECONNREFUSED' ? { told: 'refused' } : { told: 'unknown' };
  const { status, body } = outcome;
  if (status !== 200) return status === 503 || status < 500 ? { told: 'refused' } : { told: 'unknown' };
  switch (ask) {
    case 'send':
      return { told: 'accepted', id: (body as { message_id: string }).message_id };
    case 'acknowledge':
      return { told: (body as { status: 'deleted' | 'not_found' }).status };
    case 'pending':
      return { told: 'messages', messages: (body as { messages: Row[] }).messages.map(toSeen) };
    case 'conversation':
      return { told: 'messages', messages: (body as Row[]).map(toSeen) };
  }
}

interface Row {
  readonly id: string;
  readonly sender_id: string;
  readonly recipient_id: string;
  readonly encrypted_content: string;
}

const toSeen = ({ id, sender_id, recipient_id, encrypted_content }: Row): Seen => ({
  id,
  from: sender_id,
  to: recipient_id,
  content: encrypted_content,
});

/** New accounts, made before any fault. */
export async function register(baseUrl: string, count: number): Promise<Account[]> {
  const run = randomBytes(4).toString('hex');
  const accounts: Account[] = [];
  // Two at a time, as passwords are hashed: a crowd on a slow machine would wait longer for its turn than a request may.
  const next = async (): Promise<void> => {
    for (let n = started++; n < count; n = started++) accounts[n] = await registerOne(baseUrl, `u${n}-${run}`, `password-${run}`);
  };
  let started = 0;
  await Promise.all([next(), next()]);
  return accounts;
}

async function registerOne(baseUrl: string, name: string, password: string): Promise<Account> {
  const response = await fetch(`${baseUrl}/api/v1/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: `${name}@example.com`, username: name, password }),
  });
  if (!response.ok) throw new Error(`registration answered ${response.status}: ${await response.text()}`);
  const { access_token, user } = (await response.json()) as { access_token: string; user: { id: string } };
  return { id: user.id, token: access_token };
}
