/** What all clients of a process together may leave unread. */
const MAX_BYTES = 268_435_456;
/** So much is left when there was more: not every next byte makes us count again. */
const LEFT = 0.75;

export interface Reader {
  /** What is kept for him in this process. */
  readonly unreadBytes: number;
  terminate(): void;
}

/**
 * What clients leave unread, all together: each may leave some megabytes, but not thousands of them at once. With too much those who leave
 * most are closed; their queues are kept.
 */
export class Unread {
  /** Only those who leave something; as it was when they were last written to, so rather too much than too little. */
  private readonly readers = new Map<Reader, number>();
  private totalBytes = 0;

  constructor(private readonly maxBytes = MAX_BYTES) {}

  /** After something was written to him. */
  note(reader: Reader): void {
    const { unreadBytes } = reader;
    if (unreadBytes === 0 && this.readers.size === 0) return; // nearly always
    this.count(reader, unreadBytes);
    if (this.totalBytes > this.maxBytes) this.relieve();
  }

  forget(reader: Reader): void {
    this.count(reader, 0);
  }

  private count(reader: Reader, bytes: number): void {
    this.totalBytes += bytes - (this.readers.get(reader) ?? 0);
    if (bytes > 0) this.readers.set(reader, bytes);
    else this.readers.delete(reader);
  }

  private relieve(): void {
    for (const reader of [...this.readers.keys()]) this.count(reader, reader.unreadBytes);
    if (this.totalBytes <= this.maxBytes * LEFT) return;
    const most = [...this.readers].sort(([, a], [, b]) => b - a);
    for (const [reader] of most) {
      if (this.totalBytes <= this.maxBytes * LEFT) return;
      this.forget(reader);
      reader.terminate();
    }
  }
}
