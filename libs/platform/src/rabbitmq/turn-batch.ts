/** At most this many calls or answers, and bytes of JSON, in one message; a larger one travels alone. */
export const MAX_BATCH_COUNT = 64;
export const MAX_BATCH_BYTES = 256 * 1024;

/** Something encoded already, so that its size is known and what cannot be encoded fails alone. */
export interface Encoded {
  readonly json: string;
}

/** Gathers what one turn of the event loop has for one receiver, and sends it together when the turn ends. */
export class TurnBatch<T extends Encoded> {
  private items: T[] = [];
  private bytes = 0;
  private isScheduled = false;

  constructor(
    private readonly send: (items: T[]) => void,
    /** Is what was just added all there is, with nothing else under way that could be about to end? */
    private readonly isAlone: () => boolean,
  ) {}

  add(item: T): void {
    const size = Buffer.byteLength(item.json);
    if (this.items.length > 0 && this.bytes + size > MAX_BATCH_BYTES) this.flush();
    this.items.push(item);
    this.bytes += size;
    if (this.items.length === MAX_BATCH_COUNT || this.bytes >= MAX_BATCH_BYTES) return this.flush();
    if (this.isScheduled) return;
    this.isScheduled = true;
    // Not a microtask: a turn that brings many answers has many of those, and each answer's reader calls again in one of them.
    if (this.isAlone()) process.nextTick(this.endTurn);
    else setImmediate(this.endTurn);
  }

  private readonly endTurn = () => {
    this.isScheduled = false;
    this.flush();
  };

  flush(): void {
    if (this.items.length === 0) return;
    const { items } = this;
    this.items = [];
    this.bytes = 0;
    this.send(items);
  }
}
