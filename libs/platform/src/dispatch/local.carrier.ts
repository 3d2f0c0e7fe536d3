import type { Actor, CallContext, Operation } from '../contract';
import type { Attempt, Carrier } from './carrier';
import { Unserved } from './outcome';
import type { OperationServer } from './server';

/** Calls the operation in this process, without copying anything. */
export class LocalCarrier implements Carrier {
  readonly name = 'local';

  constructor(private readonly server: OperationServer) {}

  call(operation: Operation, input: unknown, context: CallContext<Actor>, { signal }: Partial<Attempt> = {}): Promise<unknown> {
    if (signal?.aborted) return Promise.reject(new Unserved(operation.name, 'no', 'aborted'));
    return this.server.execute(operation.name, input, context);
  }
}
