import type { Instance } from '../host/instances';
import { Breaker } from './breaker';
import type { Encoded, TurnBatch } from './turn-batch';

/** A call or the word that it is no longer waited for, on its way to a peer. */
export interface Outgoing extends Encoded {
  readonly id: number;
  readonly isAbort?: true;
}

/** A call that waits for its answer. */
export interface PendingCall {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly operation: string;
  readonly breaker: Breaker;
  readonly bytes: number;
  /** On the clock of `Date.now()`. */
  readonly answerBy: number;
  /** On the clock of `performance.now()`. */
  readonly since: number;
  readonly signal?: AbortSignal;
  /** Listens to the signal. */
  readonly onAbort?: () => void;
  /** The number of the message it went with. From then on only its return says that it was not executed. */
  batch?: number;
}

/** What a process knows of another one that it calls. */
export class Peer {
  readonly calls = new Map<number, PendingCall>();
  private readonly breakers = new Map<string, Breaker>();
  /** When a call was last given to it, on the clock of `performance.now()`. */
  lastUsed = 0;

  constructor(
    readonly instance: Instance,
    makeBatch: (peer: Peer) => TurnBatch<Outgoing>,
  ) {
    this.outgoing = makeBatch(this);
  }

  readonly outgoing: TurnBatch<Outgoing>;

  get load(): number {
    return this.calls.size;
  }

  /** One for each domain: an instance may have lost one database and not another. */
  breaker(domain: string): Breaker {
    const known = this.breakers.get(domain);
    if (known) return known;
    const made = new Breaker();
    this.breakers.set(domain, made);
    return made;
  }
}
