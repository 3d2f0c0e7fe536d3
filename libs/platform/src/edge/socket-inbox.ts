import type { WebSocket } from 'ws';

/** Frames of one client that may wait; with more the client is not read from until they are fewer. */
const MAX_BACKLOG = 64;
/** A page that opens a long conversation sends a frame for each message, twice: it is never cut off, only read more slowly. */
const FRAMES_PER_SECOND = 500;
const BURST = 2_000;

/** Who gets the frames. */
interface Takers {
  /** Undefined or false: it is to be taken here. */
  divert(text: string): Promise<boolean> | undefined;
  take(type: string, payload: Record<string, unknown>): Promise<void>;
}

/**
 * What a client sends on his socket, one frame after the other. A frame that is none of the protocol is passed over. Who sends faster than
 * his frames are dealt with is read no faster: his end of the connection fills, not our memory.
 */
export class SocketInbox {
  private backlog: string[] | undefined;
  private allowance = BURST;
  private allowedAt = 0;

  constructor(
    private readonly socket: WebSocket,
    private readonly takers: Takers,
  ) {}

  add(text: string): void {
    if (this.backlog) {
      this.backlog.push(text);
      if (this.backlog.length >= MAX_BACKLOG) this.socket.pause();
    } else {
      this.backlog = [text];
      void this.work();
    }
  }

  /** There is nothing to hold on to between frames: most sockets are idle most of the time. */
  private async work(): Promise<void> {
    const { backlog } = this;
    while (backlog && backlog.length > 0) {
      const waitMs = this.pauseMs();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      await this.take(backlog.shift()!).catch(() => undefined); // whoever takes it has logged it
      if (this.socket.isPaused && backlog.length < MAX_BACKLOG / 2) this.socket.resume();
    }
    this.backlog = undefined;
  }

  private async take(text: string): Promise<void> {
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
