import type { Actor, CallContext, Operation } from '../contract';
import type { Carrier } from './carrier';
import type { OperationServer } from './server';

/** Calls the operation in this process, without copying anything. */
export class LocalCarrier implements Carrier {
  readonly name = 'local';

  constructor(private readonly server: OperationServer) {}

  call(operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    return this.server.execute(operation.name, input, context);
  }
}
