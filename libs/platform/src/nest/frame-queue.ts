import type { WebSocket } from 'ws';

/** So many frames may wait. */
const MAX_FRAMES = 64;
/** And so much, in characters: one of the largest that clients may send. */
const MAX_LENGTH = 1_048_576;

/**
 * Text frames of a WebSocket, dealt with one after the other. Who sends faster than that is read no faster: his end of the connection fills,
 * not our memory.
 */
export class FrameQueue {
  private waiting: string[] | undefined;
  private length = 0;

  /**
   * @param source where they come from, if it is still there
   * @param take whoever rejects has said so; the next frame is taken all the same
   */
  constructor(
    private readonly source: () => Pick<WebSocket, 'isPaused' | 'pause' | 'resume'> | undefined,
    private readonly take: (text: string) => Promise<void>,
  ) {}

  add(text: string): void {
    this.length += text.length;
    if (this.waiting) {
      this.waiting.push(text);
      if (this.waiting.length >= MAX_FRAMES || this.length >= MAX_LENGTH) this.source()?.pause();
    } else {
      this.waiting = [text];
      void this.work(this.waiting);
    }
  }

  /** There is nothing to hold on to between frames: most sockets are idle most of the time. */
  private async work(waiting: string[]): Promise<void> {
    while (waiting.length > 0) {
      const text = waiting.shift()!;
      await this.take(text).catch(() => undefined);
      this.length -= text.length;
      const source = this.source();
      if (source?.isPaused && waiting.length < MAX_FRAMES / 2 && this.length < MAX_LENGTH / 2) source.resume();
    }
    this.waiting = undefined;
  }
}
