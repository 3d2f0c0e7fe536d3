/**
 * What a client asked. A send is known by its key, which is also its content: whoever sees the content knows where it came from. A `post` is
 * a send to a group, whose history everybody in it reads.
 */
export type Invocation =
  | { readonly ask: 'send'; readonly user: string; readonly to: string; readonly key: string }
  | { readonly ask: 'pending'; readonly user: string }
  | { readonly ask: 'acknowledge'; readonly user: string; readonly id: string }
  | { readonly ask: 'conversation'; readonly user: string; readonly other: string }
  | { readonly ask: 'post'; readonly user: string; readonly to: string; readonly key: string }
  | { readonly ask: 'history'; readonly user: string; readonly group: string };

/** A message as somebody saw it, `to` a user or a group. `content` is the key of its send. */
export interface Seen {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly content: string;
}

/**
 * What the client was told. `refused`: that surely nothing happened. `unknown`: nothing, or that nobody knows; it may have happened,
 * and may still happen.
 */
export type Answer =
  | { readonly told: 'refused' }
  | { readonly told: 'unknown' }
  | { readonly told: 'accepted'; readonly id: string }
  | { readonly told: 'messages'; readonly messages: readonly Seen[] }
  | { readonly told: 'deleted' | 'not_found' };

/**
 * One request, a repeated one once for each time. `began` and `ended` are places in one order of all beginnings and ends: what ended
 * before another began came before it, whatever any clock said.
 */
export interface Step {
  readonly asked: Invocation;
  readonly began: number;
  readonly ended: number;
  readonly answer: Answer;
}

/** What all clients of a test asked and were told. */
export class History {
  private place = 0;
  private readonly recorded: Step[] = [];
  private settled = Infinity;

  /** Asks, and records it with the answer. `ask` must not throw: no answer is an answer, `unknown`. */
  async record<A extends Answer>(asked: Invocation, ask: () => Promise<A>): Promise<A> {
    const began = ++this.place;
    const answer = await ask();
    this.recorded.push({ asked, began, ended: ++this.place, answer });
    return answer;
  }

  /** From here on nothing is under way, in clients and servers: what is read now is what stays. */
  settle(): void {
    this.settled = ++this.place;
  }

  get steps(): readonly Step[] {
    return this.recorded;
  }

  /** Reads that began after this place are the last word. Infinity before `settle`. */
  get settledAt(): number {
    return this.settled;
  }
}
