import { DeadlineExceeded, type DomainError, isError, type Operation, Unavailable } from '../contract';

/**
 * What a failed attempt knows about its effect: surely none, or perhaps one. An error without this word and that is not declared
 * is a fault of the program.
 */
export interface NotServed extends Error {
  readonly executed: Executed;
}

export type Executed = 'no' | 'maybe';

export function isNotServed(error: unknown): error is NotServed {
  return error instanceof Error && ((error as NotServed).executed === 'no' || (error as NotServed).executed === 'maybe');
}

/** What the failure of an attempt says about its effect; undefined if it is an answer. A call inside it that was not served is none. */
export function executedBy(failure: unknown): Executed | undefined {
  if (isNotServed(failure)) return failure.executed;
  if (isError(failure, DeadlineExceeded)) return 'maybe';
  return isError(failure, Unavailable) ? 'no' : undefined;
}

/** An attempt that the operation did not answer; `reason` is a word for logs and metrics. */
export class Unserved extends Error implements NotServed {
  constructor(
    operation: string,
    readonly executed: Executed,
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

/**
 * Trying again is right if nothing happened, or if a second execution does no harm. A call inside that was not served has been tried
 * again there; only where the request came in is the whole made once more, so that tries do not multiply.
 */
export function mayRepeat({ repeatable }: Operation, failure: unknown, { depth }: { readonly depth: number }): boolean {
  if (isNotServed(failure)) return failure.executed === 'no' || repeatable !== 'no';
  return depth === 0 && repeatable !== 'no';
}

/**
 * What the caller hears when no attempt gave an answer. 503: nothing happened, or only a question was asked; repeat as you like. 504:
 * something may have happened; repeat it under the same key.
 */
export function toAnswer({ kind }: Operation, executed: Executed): DomainError {
  return kind === 'command' && executed === 'maybe' ? DeadlineExceeded() : Unavailable();
}
