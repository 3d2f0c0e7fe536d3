import type { EventData, EventDefinition } from '../contract/event';

/** An event as it was written. Instants are ISO 8601 UTC text with microseconds. */
export interface StoredEvent {
  /** UUID v7. */
  readonly id: string;
  readonly name: string;
  /** Events of one key are first delivered in the order in which their transactions wrote them. */
  readonly key: string | null;
  readonly data: unknown;
  readonly trace: string | null;
  readonly occurred_at: string;
}

/** What a handler receives. At least once, in no promised order: only `inbox.once` makes a repeat harmless. */
export interface Delivered<E extends EventDefinition = EventDefinition> extends StoredEvent {
  readonly data: EventData<E>;
  /** `message.pushToOfflineRecipient`: whose copy of the event this is. */
  readonly subscription: string;
  /** 1 the first time; again 1 when the process died in between. */
  readonly attempt: number;
}

/** Takes events to their subscribers. */
export interface Transport {
  /** Nothing may be given to it before what it left: the publisher then waits until its next sweep, which begins with that. */
  readonly mustTakeInOrder?: boolean;
  /** Called by the publisher that holds the lease when a sweep begins, before it reads the outbox. */
  prepare?(): Promise<void>;
  /** @returns those that are safe elsewhere now and may leave the outbox; the others are given again later */
  deliver(batch: readonly StoredEvent[]): Promise<readonly StoredEvent[]>;
}
