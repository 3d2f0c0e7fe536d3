import type { Actor, CallContext, Operation } from '../contract';

/** What takes a call to where it runs. Arguments and results are JSON, errors keep their codes, an unanswered call says what it knows. */
export interface Carrier {
  readonly name: string;
  /**
   * @throws DomainError the answer, if it is a declared error
   * @throws NotServed   no answer, and whether the operation may have been executed
   */
  call(operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown>;
}
