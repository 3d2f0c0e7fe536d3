import { FrameQueue } from '@banyan/platform/nest/frame-queue';
import type { WebSocket } from 'ws';

/** A frame for a monolith that is away waits so long, and its socket's others behind it. */
const WAIT_MS = 10_000;
const FIRST_TRY_MS = 100;
const LAST_TRY_MS = 10_000;
/** It pings each 20 s; whoever is silent for longer than two of them is away. */
const SILENT_MS = 50_000;

export interface UpstreamParts {
  dial(): Promise<WebSocket>;
  /** One frame after the other, in the order in which they came. */
  hear(text: string): Promise<void>;
  /** It is gone, and is opened again if it is still wanted. */
  lost(): void;
  /** The monolith has closed this one socket, and not because it goes. @returns false if it is to be opened again all the same */
  closed(code: number, reason: string): boolean;
}

/** The one socket at the monolith that belongs to a client's socket here: opened again and again as long as it is wanted. */
export class Upstream {
  private socket: WebSocket | undefined;
  private isWanted = false;
  private isDialling = false;
  private tries = 0;
  private retry: NodeJS.Timeout | undefined;
  private waiting: (() => void)[] = [];
  private readonly heard: FrameQueue;
  private heardAt = 0;

  constructor(private readonly parts: UpstreamParts) {
    this.heard = new FrameQueue(
      () => this.socket,
      (text) => parts.hear(text),
    );
  }

  get isOpen(): boolean {
    return this.socket?.readyState === this.socket?.OPEN && this.socket !== undefined;
  }

  /** @param opened one that the monolith has accepted already */
  want(opened?: WebSocket): void {
    this.isWanted = true;
    if (opened) this.join(opened);
    else if (!this.socket && !this.retry) void this.open();
  }

  /** Nothing is lost by it: what it has said so far is still passed on. */
  end(): void {
    this.isWanted = false;
    clearTimeout(this.retry);
    this.retry = undefined;
    this.socket?.close();
    this.goOn();
  }

  /**
   * Done when the connection has taken it: who sends more than the monolith reads sends it more slowly.
   *
   * @returns false if the monolith was away for too long: it has not seen the frame, and nobody will confirm it
   */
  async send(text: string): Promise<boolean> {
    const until = performance.now() + WAIT_MS;
    while (!this.isOpen) {
      const left = until - performance.now();
      if (!this.isWanted || left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiting.push(() => (clearTimeout(timer), resolve()));
      });
    }
    return new Promise((resolve) => this.socket!.send(text, (error) => resolve(!error)));
  }

  /** @param now of `performance.now()` */
  endIfSilent(now: number): void {
    if (this.isOpen && !this.socket!.isPaused && now - this.heardAt > SILENT_MS) this.socket!.terminate();
  }

  private async open(): Promise<void> {
    if (this.isDialling) return;
    this.isDialling = true;
    const opened = await this.parts.dial().catch(() => undefined);
    this.isDialling = false;
    if (opened && this.isWanted) return this.join(opened);
    opened?.terminate();
    if (this.isWanted) this.tryAgain();
  }

  /** Later each time, and not all at one moment. */
  private tryAgain(): void {
    const afterMs = Math.min(LAST_TRY_MS, FIRST_TRY_MS * 2 ** this.tries++) * (0.5 + Math.random());
    this.retry = setTimeout(() => {
      this.retry = undefined;
      void this.open();
    }, afterMs).unref();
  }

  private join(opened: WebSocket): void {
    this.socket = opened;
    const note = () => (this.heardAt = performance.now());
    note();
    opened.on('ping', note);
    opened.on('message', (data: Buffer, isBinary) => {
      note();
      this.tries = 0;
      if (!isBinary) this.heard.add(data.toString('utf8')); // it sends no bytes
    });
    opened.on('error', () => undefined); // the close that follows tells it
    opened.once('close', (code, reason) => this.close(code, reason.toString()));
    opened.resume();
    this.goOn();
  }

  private close(code: number, reason: string): void {
    this.socket = undefined;
    this.parts.lost();
    if (!this.isWanted) return;
    if (!isMeant(code) || !this.parts.closed(code, reason)) this.tryAgain();
  }

  private goOn(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const go of waiting) go();
  }
}

/** RFC 6455, section 7.4: what says something about this client and not about a server that goes. */
const isMeant = (code: number): boolean => [1002, 1003, 1007, 1008, 1009, 1010].includes(code) || code >= 3_000;
