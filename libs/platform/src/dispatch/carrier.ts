import type { Actor, CallContext, Operation } from '../contract';

/** What a carrier may know about the request behind a call. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  /** Instances that were asked already. The carrier goes to another one and adds it. */
  readonly tried: Set<string>;
  /** The caller stopped waiting: what has not begun need not begin. */
  readonly signal?: AbortSignal;
}

/**
 * How much longer than its deadline an attempt is waited for. Whoever works on it gives up at the deadline and says what he knows, such as
 * that nothing was executed; a wait that ended in the same moment would not hear it.
 */
export const ANSWER_GRACE_MS = 100;

/** What takes a call to where it runs. Arguments and results are JSON, errors keep their codes, an unanswered call says what it knows. */
export interface Carrier {
  readonly name: string;
  /**
   * @throws DomainError the answer, if it is a declared error
   * @throws NobodyLeft  no instance serves it that was not asked already
   * @throws NotServed   no answer, and whether the operation may have been executed
   */
  call(operation: Operation, input: unknown, context: CallContext<Actor>, attempt?: Attempt): Promise<unknown>;
}

/** Reaches other processes: those that do nothing but serve domains, or the hosts. Its carriers settle each call by the context's deadline and ANSWER_GRACE_MS. */
export interface RemoteCarrier {
  to(kind: 'worker' | 'host'): Carrier;
}
