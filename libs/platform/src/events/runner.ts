import type { Delivered } from './stored-event';
import type { Subscription } from './subscriptions';

export interface RunnerOptions {
  /** A handler that takes longer has failed, though it may still finish: what it does must be harmless to repeat, as always. */
  readonly handlerTimeoutMs?: number;
  /** Wraps each call of a handler, to give it a trace, a deadline, a key. */
  readonly around?: (delivered: Delivered, work: () => Promise<unknown>) => Promise<unknown>;
}

export class HandlerTimeout extends Error {
  override readonly name = 'HandlerTimeout';
}

/** Calls handlers. */
export class Runner {
  readonly subscriptionNames: readonly string[];
  private readonly byName: ReadonlyMap<string, Subscription>;

  constructor(
    readonly subscriptions: readonly Subscription[],
    private readonly options: RunnerOptions = {},
  ) {
    this.byName = new Map(subscriptions.map((subscription) => [subscription.name, subscription]));
    this.subscriptionNames = [...this.byName.keys()];
  }

  /** Whether its handler has anything to do with it. Where that cannot be told the handler is called, whose failures are looked after. */
  isNeeded(delivered: Delivered): boolean {
    try {
      return this.byName.get(delivered.subscription)?.isNeeded?.(delivered) ?? true;
    } catch {
      return true; // what is wrong with the event, its handler meets as well, and that is kept and told
    }
  }

  /** @throws what the handler throws; HandlerTimeout */
  async run(delivered: Delivered): Promise<void> {
    const subscription = this.byName.get(delivered.subscription);
    if (subscription === undefined) throw new Error(`No handler is called ${delivered.subscription}`);
    const { handlerTimeoutMs = 10_000, around } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new HandlerTimeout(`${subscription.name} took too long`)), handlerTimeoutMs);
    });
    const handle = async () => subscription.handle(delivered);
    try {
      await Promise.race([around === undefined ? handle() : around(delivered, handle), tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }
}
