import type { WebSocket } from 'ws';
import { FrameQueue } from '../nest/frame-queue';

/** A page that opens a long conversation sends a frame for each message, twice: it is never cut off, only read more slowly. */
const FRAMES_PER_SECOND = 500;
const BURST = 2_000;

/** Who gets the frames. */
interface Takers {
  /** Undefined or false: it is to be taken here. */
  divert(text: string): Promise<boolean> | undefined;
  take(type: string, payload: Record<string, unknown>): Promise<void>;
}

/** What a client sends on his socket, one frame after the other. A frame that is none of the protocol is passed over. */
export class SocketInbox {
  private readonly queue: FrameQueue;
  private allowance = BURST;
  private allowedAt = 0;

  constructor(
    socket: WebSocket,
    private readonly takers: Takers,
  ) {
    this.queue = new FrameQueue(
      () => socket,
      (text) => this.take(text),
    );
  }

  add(text: string): void {
    this.queue.add(text);
  }

  private async take(text: string): Promise<void> {
    const waitMs = this.pauseMs();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (await this.takers.divert(text)) return;
    const frame = readFrame(text);
    if (frame) await this.takers.take(frame.type, frame.payload);
  }

  private pauseMs(): number {
    const now = performance.now();
    this.allowance = Math.min(BURST, this.allowance + ((now - this.allowedAt) * FRAMES_PER_SECOND) / 1_000) - 1;
    this.allowedAt = now;
    return this.allowance >= 0 ? 0 : (-this.allowance * 1_000) / FRAMES_PER_SECOND;
  }
}

/** `{"type": …, "payload": {…}}`; undefined for anything else. */
function readFrame(text: string): { type: string; payload: Record<string, unknown> } | undefined {
  try {
    const { type, payload } = JSON.parse(text) as { type?: unknown; payload?: unknown };
    if (typeof type !== 'string' || typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined;
    return { type, payload: payload as Record<string, unknown> };
  } catch {
    return undefined;
  }
}
