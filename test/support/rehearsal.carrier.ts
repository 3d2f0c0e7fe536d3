import type { Actor, CallContext, Operation } from '@banyan/platform/contract';
import type { Carrier } from '@banyan/platform/dispatch/carrier';

/**
 * Holds local calls to what a carrier between processes demands: arguments and results pass through JSON, results fit the contract,
 * and whatever says that it may be repeated is executed twice, the caller getting the first answer.
 */
export class RehearsalCarrier implements Carrier {
  constructor(
    private readonly carrier: Carrier,
    private readonly options: { readonly twice: boolean },
  ) {}

  readonly name = 'rehearsal';

  async call(operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    const answer = await this.attempt(operation, input, context);
    if (this.options.twice && operation.repeatable !== 'no') await this.attempt(operation, input, context).catch(() => undefined); // what counts is the first
    return answer;
  }

  private async attempt(operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    const answer: unknown = copy(await this.carrier.call(operation, copy(input), copy(context) as CallContext<Actor>));
    const judged = operation.output.safeParse(answer);
    if (!judged.success) throw new Error(`${operation.name} answered what its contract does not promise: ${judged.error.message}`);
    return answer;
  }
}

const copy = (value: unknown): unknown => (value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown));
