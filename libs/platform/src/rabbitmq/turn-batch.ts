/** At most this many calls or answers, and bytes of JSON, in one message; a larger one travels alone. */
export const MAX_BATCH_COUNT = 64;
export const MAX_BATCH_BYTES = 256 * 1024;

/** Something encoded already, so that its size is known and what cannot be encoded fails alone. */
export interface Encoded {
  readonly json: string;
}

/**
 * Gathers what one turn of the event loop has for one receiver, and sends it together when the turn ends: across everything that the
 * turn brings, such as the requests of many clients. Who knows that there is nothing more to come may `flush` before.
 */
export class TurnBatch<T extends Encoded> {
  private items: T[] = [];
  private bytes = 0;
  private isScheduled = false;

  constructor(private readonly send: (items: T[]) => void) {}

  add(item: T): void {
    const size = Buffer.byteLength(item.json);
    if (this.items.length > 0 && this.bytes + size > MAX_BATCH_BYTES) this.flush();
    this.items.push(item);
    this.bytes += size;
    if (this.items.length === MAX_BATCH_COUNT || this.bytes >= MAX_BATCH_BYTES) return this.flush();
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(this.endTurn);
  }

  flush(): void {
    if (this.items.length === 0) return;
    const { items } = this;
    this.items = [];
    this.bytes = 0;
    this.send(items);
  }

  private readonly endTurn = () => {
    this.isScheduled = false;
    this.flush();
  };
}

/**
 * Run `act` when everything has run that follows from the present moment without waiting for anything outside: with a message's calls
 * answered, or its answers read and the next calls made, what they led to need not wait for the turn to end (in which the next message
 * may be read first).
 */
export function afterConsequences(act: () => void): void {
  // The ticks' queue is looked at again when that of the microtasks is empty.
  queueMicrotask(() => process.nextTick(act));
}
