/** W3C trace context: 32 and 16 hexadecimal digits. */
export interface Trace {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

/** Who calls. Comes from a verified token or from the process itself, never from an input. */
export type Actor = UserActor | AnonymousActor | SystemActor;

export interface UserActor {
  readonly kind: 'user';
  /** Lower case with dashes. */
  readonly userId: string;
  readonly role: string;
  /** Of his token; absent for one that the monolith made. */
  readonly sessionId?: string;
  /** When his token ends, in seconds since the epoch. Absent where no token was shown. */
  readonly until?: number;
}

export interface AnonymousActor {
  readonly kind: 'anonymous';
}

/** Work that no request caused: an event handler, a timer, a command line. */
export interface SystemActor {
  readonly kind: 'system';
  readonly name: string;
}

/** What travels with a call, from the edge through every nested call, whatever carries it. */
export interface CallContext<A extends Actor = UserActor> {
  readonly actor: A;
  /** Names this one intention of the caller: the same key is the same command, executed once. */
  readonly key: string;
  /** Milliseconds since the epoch after which nobody waits for the answer any more. */
  readonly deadline: number;
  /** 0 for the edge's own call, one more for each call inside a call. */
  readonly depth: number;
  readonly trace: Trace;
  /** The client's address as the edge saw it (trusted proxies considered). */
  readonly address?: string;
  /** What the client's browser was given to be recognised by, if it shows it. Only in the edge's own call; never proves who calls. */
  readonly device?: string;
  /** What the client calls itself (User-Agent), cut. Only in the edge's own call. */
  readonly agent?: string;
}
