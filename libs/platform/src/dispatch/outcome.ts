import { DeadlineExceeded, DomainError, Unavailable, type Operation } from '../contract';

/**
 * What a failed attempt knows about its effect: surely none, or perhaps one. An error without this word and that is not declared
 * is a fault of the program.
 */
export interface NotServed extends Error {
  readonly executed: 'no' | 'maybe';
}

export function isNotServed(error: unknown): error is NotServed {
  return error instanceof Error && ((error as NotServed).executed === 'no' || (error as NotServed).executed === 'maybe');
}

/** An attempt that the operation did not answer; `reason` is a word for logs and metrics. */
export class Unserved extends Error implements NotServed {
  constructor(
    operation: string,
    readonly executed: 'no' | 'maybe',
    readonly reason: string,
  ) {
    super(`${operation}: not served (${reason})`);
    this.name = 'Unserved';
  }
}

/** There is no further instance to ask. Says nothing about the attempts before. */
export class NobodyLeft extends Unserved {
  constructor(operation: string) {
    super(operation, 'no', 'nobody_left');
    this.name = 'NobodyLeft';
  }
}

/** An attempt that gave no answer within its time. */
export class AttemptTimedOut extends Unserved {
  constructor(operation: string) {
    super(operation, 'maybe', 'timeout');
    this.name = 'AttemptTimedOut';
  }
}

/** Trying again is right if nothing happened, or if a second execution does no harm. */
export function mayRepeat(operation: Operation, failure: NotServed): boolean {
  return failure.executed === 'no' || operation.repeatable !== 'no';
}

/** Of two failed attempts the one that decides what the caller hears: what may have happened, else what was found out last. */
export function graver(earlier: NotServed | undefined, later: NotServed): NotServed {
  if (!earlier || (later instanceof NobodyLeft && !(earlier instanceof NobodyLeft))) return earlier ?? later;
  return earlier.executed === 'maybe' && later.executed === 'no' ? earlier : later;
}

/** What the caller hears when no attempt gave an answer. With `no` repeat as you like; after a timeout repeat under the same key. */
export function toAnswer(operation: Operation, failure: NotServed): DomainError {
  if (failure instanceof AttemptTimedOut) return DeadlineExceeded();
  return mayRepeat(operation, failure) ? Unavailable() : DeadlineExceeded();
}
