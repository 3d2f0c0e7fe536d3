import { randomBytes } from 'node:crypto';
import type { Answer, History, Invocation, Seen } from './history';
import { HttpClient, type Outcome } from './http';

/** Twice an operation's `timeoutMs` and 500 ms: what a request's deadline is by contract. */
const DEADLINE_MS = {
  send: 4_500,
  post: 4_500,
  acknowledge: 4_500,
  pending: 10_500,
  conversation: 10_500,
  history: 10_500,
  account: 10_500,
} as const;
/** So much later a client stops listening. That it never has to is what is tested; how late an answer came is not. */
const PATIENCE_MS = 5_000;

export interface Account {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
}

/** Messages to groups go over HTTP in new code only: where a monolith serves a user's groups, there is no such route. */
const NOT_OFFERED = 'post not offered';

/** How a monolith behind the servers is treated: it is not there; it lives; it may die. */
export type Monolith = 'none' | 'steady' | 'mortal';

/** What was wrong with the form of answers, and how many of each kind there were. */
export class Tally {
  readonly counts = new Map<string, number>();
  readonly complaints: string[] = [];

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** How many were not answered as asked. */
  get unserved(): number {
    return [...this.counts].reduce((sum, [what, count]) => (what.endsWith(' 200') || what === NOT_OFFERED ? sum : sum + count), 0);
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

type Asked = Invocation['ask'] | 'account';

interface Request {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly body?: unknown;
  /** Of idempotency. */
  readonly key?: string;
}

/** A device of a user: one request at a time, each recorded. */
export class Device {
  private readonly http = new HttpClient();
  private current = 0;
  private token: string;

  /**
   * @param urls of servers with the same data; the first is asked until it does not take a request, then the next
   * @param monolith of one that may die, what it says then, and what a host says for it, is passed over
   */
  constructor(
    private readonly urls: readonly string[],
    private readonly account: Account,
    private readonly record: History,
    private readonly tally: Tally,
    private readonly monolith: Monolith = 'none',
  ) {
    this.token = account.token;
  }

  get userId(): string {
    return this.account.id;
  }

  send(to: string, key: string): Promise<Answer> {
    const body = { recipient_id: to, encrypted_content: key, encrypted_session_key: 'k' };
    return this.ask({ ask: 'send', user: this.userId, to, key }, { method: 'POST', path: '/relay/send', body, key });
  }

  pending(): Promise<Answer> {
    return this.ask({ ask: 'pending', user: this.userId }, { method: 'GET', path: '/relay/pending' });
  }

  acknowledge(id: string): Promise<Answer> {
    const body = { message_id: id };
    return this.ask({ ask: 'acknowledge', user: this.userId, id }, { method: 'POST', path: '/relay/acknowledge', body });
  }

  conversation(other: string): Promise<Answer> {
    return this.ask({ ask: 'conversation', user: this.userId, other }, { method: 'GET', path: `/messages/conversation/${other}` });
  }

  /** Fewer than a thousand in a group, or the rest of it is not seen. */
  history(group: string): Promise<Answer> {
    return this.ask({ ask: 'history', user: this.userId, group }, { method: 'GET', path: `/groups/${group}/messages?limit=1000` });
  }

  post(to: string, key: string): Promise<Answer> {
    const body = { encrypted_content: key };
    return this.ask({ ask: 'post', user: this.userId, to, key }, { method: 'POST', path: `/groups/${to}/messages`, body, key });
  }

  /** From then on with the token that it gets. @returns whether it was answered */
  async signIn(): Promise<boolean> {
    const { email, password } = this.account;
    const body = await this.served({ method: 'POST', path: '/auth/login', body: { email, password } });
    if (!body) return false;
    this.token = body['access_token'] as string;
    const me = await this.served({ method: 'GET', path: '/auth/me' });
    if (me && me['id'] !== this.userId) this.tally.complaints.push(`signed in as ${this.userId}, and is ${String(me['id'])}`);
    return me !== undefined;
  }

  /** Replaces what only this device writes, and reads it back. @returns whether all of it was answered */
  async replaceKeys(text: string): Promise<boolean> {
    const stored = [
      await this.served({ method: 'PUT', path: '/auth/public-key', body: { public_key: text } }),
      await this.served({ method: 'POST', path: '/users/me/key-backup', body: { encrypted_private_key: text } }),
    ];
    const shown = await this.served({ method: 'GET', path: `/users/${this.userId}` });
    const kept = await this.served({ method: 'GET', path: '/users/me/key-backup' });
    const read = [shown?.['public_key'], kept?.['encrypted_private_key']];
    stored.forEach((answer, i) => {
      if (answer && read[i] !== undefined && read[i] !== text) this.tally.complaints.push(`wrote ${text}, and reads ${String(read[i])}`);
    });
    return [...stored, shown, kept].every((answer) => answer !== undefined);
  }

  /** The same with a switch for a kind of mail. */
  async switchMail(isOn: boolean): Promise<boolean> {
    const path = '/notifications/preferences';
    const kind = 'invitation_accepted';
    const stored = await this.served({ method: 'PUT', path, body: { kind, is_on: isOn } });
    const shown = await this.served({ method: 'GET', path });
    const switches = shown?.['preferences'] as { kind: string; is_on: boolean }[] | undefined;
    const read = switches?.find((one) => one.kind === kind)?.is_on;
    if (stored && shown && read !== isOn) this.tally.complaints.push(`switched ${kind} ${isOn}, and reads ${read}`);
    return stored !== undefined && shown !== undefined;
  }

  close(): void {
    this.http.close();
  }

  private ask(asked: Invocation, request: Request): Promise<Answer> {
    return this.record.record(asked, async () => answerOf(asked, await this.exchange(asked.ask, request)));
  }

  /** What is not part of the history. @returns the body of an answer with status 200 */
  private async served(request: Request): Promise<Record<string, unknown> | undefined> {
    const outcome = await this.exchange('account', request);
    return 'status' in outcome && outcome.status === 200 ? (outcome.body as Record<string, unknown>) : undefined;
  }

  private async exchange(asked: Asked, { method, path, body, key }: Request): Promise<Outcome> {
    const outcome = await this.http.ask({
      method,
      url: `${this.urls[this.current]}/api/v1${path}`,
      headers: { authorization: `Bearer ${this.token}`, ...(key ? { 'idempotency-key': key } : {}) },
      body,
      patienceMs: DEADLINE_MS[asked] + PATIENCE_MS,
    });
    this.note(asked, outcome);
    if ('lost' in outcome) this.current = (this.current + 1) % this.urls.length;
    return outcome;
  }

  /** Counts it, and holds it to the promised form: 503 to come back, 504 for what may have happened, nothing else. */
  private note(ask: Asked, outcome: Outcome): void {
    if ('lost' in outcome) {
      this.tally.count(`${ask} ${outcome.lost}${outcome.accepted ? ' accepted' : ''}`);
      if (outcome.lost === 'SILENCE') this.tally.complaints.push(`${ask}: no answer long after its deadline`);
      return;
    }
    const { status, headers, body } = outcome;
    if (this.monolith !== 'none' && ask === 'post' && (status === 404 || status === 405)) return this.tally.count(NOT_OFFERED);
    this.tally.count(`${ask} ${status}`);
    if (status === 200) return;
    if (this.monolith === 'mortal' && status >= 500 && isOfMonolith(status, body)) return;
    const isRead = ask === 'pending' || ask === 'conversation' || ask === 'history';
    const complain = (text: string) => this.tally.complaints.push(`${ask}: ${status} ${text} ${JSON.stringify(body)}`);
    if (status !== 503 && (status !== 504 || isRead)) complain('should not happen');
    else if (!headers['retry-after']) complain('without Retry-After');
    else if (status === 504 && !headers['idempotency-key']) complain('without Idempotency-Key');
  }
}

/** Said by it, in its own words, or by a host for it. */
function isOfMonolith(status: number, body: unknown): boolean {
  const { code } = body as { code?: string };
  return code === undefined || code.startsWith('legacy.') || status === 504;
}

function answerOf({ ask }: Invocation, outcome: Outcome): Answer {
  if ('lost' in outcome) return outcome.lost === 'ECONNREFUSED' ? { told: 'refused' } : { told: 'unknown' };
  const { status, body } = outcome;
  if (status !== 200) return status === 503 || status < 500 ? { told: 'refused' } : { told: 'unknown' };
  switch (ask) {
    case 'send':
    case 'post':
      return { told: 'accepted', id: (body as { message_id: string }).message_id };
    case 'acknowledge':
      return { told: (body as { status: 'deleted' | 'not_found' }).status };
    case 'pending':
      return { told: 'messages', messages: (body as { messages: Row[] }).messages.map(toSeen) };
    case 'conversation':
      return { told: 'messages', messages: (body as Row[]).map(toSeen) };
    case 'history':
      return { told: 'messages', messages: toSeenInGroup(body as { group_id: string; messages: GroupRow[] }) };
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

interface GroupRow {
  readonly id: string;
  readonly sender_id: string;
  readonly content: string;
}

/** Oldest first, as everything else. */
const toSeenInGroup = ({ group_id, messages }: { group_id: string; messages: readonly GroupRow[] }): Seen[] =>
  messages.map(({ id, sender_id, content }) => ({ id, from: sender_id, to: group_id, content })).reverse();

/** New groups, made before any fault, of five people each: the owner first. @returns who is in which */
export async function makeGroups(baseUrl: string, accounts: readonly Account[], count: number): Promise<Map<string, string[]>> {
  const groups = new Map<string, string[]>();
  for (let n = 0; n < count; n++) {
    const [owner, ...others] = [0, 1, 2, 4, 7].map((step) => accounts[(n + step) % accounts.length]!) as [Account, ...Account[]];
    const ask = async (path: string) => {
      const response = await fetch(`${baseUrl}/api/v1/groups/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${owner.token}` },
      });
      if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
      return (await response.json()) as { group_id: string };
    };
    const { group_id } = await ask('create?name=everybody');
    const members = new Set(others.map(({ id }) => id).filter((id) => id !== owner.id));
    for (const id of members) await ask(`add-member/${group_id}?user_id=${id}`);
    groups.set(group_id, [owner.id, ...members]);
  }
  return groups;
}

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
  const email = `${name}@example.com`;
  const response = await fetch(`${baseUrl}/api/v1/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, username: name, password }),
  });
  if (!response.ok) throw new Error(`registration answered ${response.status}: ${await response.text()}`);
  const { access_token, user } = (await response.json()) as { access_token: string; user: { id: string } };
  return { id: user.id, email, password, token: access_token };
}
