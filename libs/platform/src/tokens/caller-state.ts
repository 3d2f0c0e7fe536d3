import { Generations } from '../keyvalue/generations';
import type { KeyValue } from '../keyvalue/keyvalue';
import { LastKnown } from '../keyvalue/last-known';

/** What must be known of a caller beyond his token. */
export interface Caller {
  readonly role: string;
  readonly is_active: boolean;
  /** False once the session of his token has ended. */
  readonly is_live: boolean;
  /** Tokens without a session that end at or before this moment (seconds since the epoch) are good no more. */
  readonly tokens_until: number;
  /** Under which this was read; null if the key-value store was away. */
  readonly generation: string | null;
}

/**
 * What the key-value store says about callers: a generation for each user, and the last answer about each of his sessions. Whoever
 * changes an account, a role or a session renews the generation of its user after the commit.
 */
export class CallerState {
  readonly generations: Generations;
  readonly lastKnown: LastKnown<Caller>;

  constructor(keyvalue: KeyValue) {
    this.generations = new Generations(keyvalue, 'caller');
    this.lastKnown = new LastKnown(keyvalue, 'caller', this.generations);
  }
}
