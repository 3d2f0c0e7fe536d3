import { DatabaseUnavailable } from '../database/errors';
import type { Redeliveries } from './redeliveries';
import type { Runner } from './runner';
import type { StoredEvent, Transport } from './stored-event';
import type { Subscription } from './subscriptions';

/** Handlers of one subscription that run at the same time; events of one key never do. */
const lanesAtOnce = 8;
/** Handled events whose other subscribers could not take them yet; forgetting one costs a repeat. */
const maxRemembered = 50_000;

/**
 * Delivers to subscribers in this process. An event is handed over when each of its subscriptions has handled it or recorded the
 * failure. A subscriber that can do neither, because its database is away, leaves the event in the producer's outbox; the other
 * subscribers are served all the same, once.
 */
export class InProcessTransport implements Transport {
  /** Event id → subscriptions that need it no more. */
  private readonly handled = new Map<string, Set<string>>();

  constructor(
    private readonly runner: Runner,
    /** Where a subscription's failures are recorded: in its domain's database or, if that has none, in the producer's. */
    private readonly redeliveriesOf: (subscription: Subscription) => Redeliveries,
  ) {}

  async deliver(batch: readonly StoredEvent[]): Promise<readonly StoredEvent[]> {
    const left = new Set<StoredEvent>();
    await Promise.all(this.runner.subscriptions.map((subscription) => this.deliverTo(subscription, batch, left)));
    for (const event of batch) if (!left.has(event)) this.handled.delete(event.id);
    this.forget();
    return batch.filter((event) => !left.has(event));
  }

  private async deliverTo(subscription: Subscription, batch: readonly StoredEvent[], left: Set<StoredEvent>): Promise<void> {
    const events = batch.filter((event) => event.name === subscription.event.name && this.isLeft(subscription, event));
    const lanes = inLanes(events);
    let isAway = false;
    const serve = async () => {
      for (let lane = lanes.pop(); lane !== undefined; lane = lanes.pop()) {
        for (const event of lane) {
          // Once it is away, the rest waits too: later events must not overtake earlier ones of their key.
          isAway ||= !(await this.handOver(subscription, event));
          if (isAway) left.add(event);
          else this.remember(event.id, subscription.name);
        }
      }
    };
    await Promise.all(Array.from({ length: lanesAtOnce }, serve));
  }

  private isLeft({ name }: Subscription, event: StoredEvent): boolean {
    return !this.handled.get(event.id)?.has(name) && this.runner.isNeeded({ ...event, subscription: name, attempt: 1 });
  }

  private async handOver(subscription: Subscription, event: StoredEvent): Promise<boolean> {
    try {
      await this.runner.run({ ...event, subscription: subscription.name, attempt: 1 });
    } catch (error) {
      try {
        await this.redeliveriesOf(subscription).record(subscription.name, event, error);
      } catch (away) {
        if (!(away instanceof DatabaseUnavailable)) throw away;
        return false;
      }
    }
    return true;
  }

  private remember(id: string, subscription: string): void {
    const names = this.handled.get(id);
    if (names === undefined) this.handled.set(id, new Set([subscription]));
    else names.add(subscription);
  }

  private forget(): void {
    for (const id of this.handled.keys()) {
      if (this.handled.size <= maxRemembered) return;
      this.handled.delete(id);
    }
  }
}

/** One lane per key, in order; events without a key have no order and a lane each. Reversed, because lanes are taken from the end. */
function inLanes(events: readonly StoredEvent[]): StoredEvent[][] {
  const lanes = new Map<string, StoredEvent[]>();
  for (const event of events) {
    const lane = event.key ?? event.id;
    const before = lanes.get(lane);
    if (before === undefined) lanes.set(lane, [event]);
    else before.push(event);
  }
  return [...lanes.values()].reverse();
}
