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

/** An attempt that gave no answer within its time. */
export class AttemptTimedOut extends Error implements NotServed {
  readonly executed = 'maybe';
  constructor(operation: string) {
    super(`${operation}: no answer in time`);
    this.name = 'AttemptTimedOut';
  }
}

/** Trying again is right if nothing happened, or if a second execution does no harm. */
export function mayRepeat(operation: Operation, failure: NotServed): boolean {
  return failure.executed === 'no' || operation.repeatable !== 'no';
}

/** What the caller hears when no attempt gave an answer. With `no` repeat as you like; after a timeout repeat under the same key. */
export function toAnswer(operation: Operation, failure: NotServed): DomainError {
  if (failure instanceof AttemptTimedOut) return DeadlineExceeded();
  return mayRepeat(operation, failure) ? Unavailable() : DeadlineExceeded();
}
