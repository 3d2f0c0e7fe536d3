import type { Duplex } from 'node:stream';
import { closeFrame, FrameCursor, textFrame } from './frames';

/** What a client that reads slowly may leave unread of what was put in for him. */
const MAX_WAITING_BYTES = 4_194_304;
/** A client that does not read the last word is not waited for. */
const GOODBYE_MS = 2_000;
/** After the other server's end has gone, what it sent last may still be read for so long. */
const LAST_READING_MS = 30_000;
/** Whoever takes nothing of what waits for him for so long is gone, or means harm. What he has not read waits in his queue. */
const STALLED_MS = 60_000;
/** RFC 6455, section 7.4, and its registry: the server restarts, come again. */
const SERVICE_RESTART = 1012;
/** Section 7.4.1: against the rules; the web client takes it for a refused token. */
const POLICY_VIOLATION = 1008;

/**
 * A client's WebSocket that ends in another server: the monolith, or a worker. Bytes go both ways as they are. Of those to the client the frames are followed,
 * so that messages of ours can be put between those of the other server.
 */
export class Passage {
  private readonly cursor = new FrameCursor();
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private hasEnded = false;
  /** Pieces that the kernel has not taken, and since when it has taken none. */
  private unwritten = 0;
  private stillSince = 0;

  constructor(
    private readonly client: Duplex,
    private readonly legacy: Duplex,
    ended: () => void,
  ) {
    // Both may close half: who has said his last word may still listen.
    client.on('error', () => client.destroy()).on('end', () => legacy.end());
    legacy.on('error', () => legacy.destroy()).on('end', () => client.end());
    client.once('close', () => {
      this.hasEnded = true;
      legacy.destroy();
      ended();
    });
    legacy.once('close', () => {
      this.hasEnded = true;
      client.end();
      setTimeout(() => client.destroy(), LAST_READING_MS).unref();
    });
  }

  /** @param heads what either side sent behind its handshake */
  start(heads: { client: Buffer; legacy: Buffer }): void {
    if (heads.client.length > 0) this.legacy.write(heads.client);
    if (heads.legacy.length > 0) this.toClient(heads.legacy);
    this.client.pipe(this.legacy, { end: false });
    this.legacy.on('data', (piece: Buffer) => {
      if (!this.toClient(piece)) this.legacy.pause();
    });
    this.client.on('drain', () => this.legacy.resume());
  }

  /** A message to the client, between two of the other server's. @returns false if he cannot take it (any more) */
  send(text: string): boolean {
    if (this.hasEnded || this.cursor.isClosing || this.client.destroyed || this.client.writableEnded) return false;
    const frame = textFrame(text);
    if (this.unreadBytes + frame.length > MAX_WAITING_BYTES) return false;
    if (this.cursor.isBetweenMessages) {
      this.write(frame);
    } else {
      this.waiting.push(frame);
      this.waitingBytes += frame.length;
    }
    return true;
  }

  /** What is kept for the client in this process. */
  get unreadBytes(): number {
    return this.client.writableLength + this.waitingBytes;
  }

  /** @param now of `performance.now()` */
  isStalled(now: number): boolean {
    return this.unwritten > 0 && now - this.stillSince > STALLED_MS;
  }

  cut(): void {
    this.client.destroy();
  }

  /** This host goes: the client comes again elsewhere. */
  end(): void {
    this.close(SERVICE_RESTART);
  }

  /** The client is not signed in any more. */
  refuse(): void {
    this.close(POLICY_VIOLATION);
  }

  private close(code: number): void {
    if (!this.hasEnded && this.cursor.isBetweenMessages) this.client.write(closeFrame(code));
    this.hasEnded = true;
    this.client.end(() => this.client.destroy());
    setTimeout(() => this.client.destroy(), GOODBYE_MS).unref();
    this.legacy.destroy();
  }

  private toClient(piece: Buffer): boolean {
    let at = 0;
    let hasRoom = true;
    while (at < piece.length) {
      const next = this.cursor.follow(piece, at);
      if (this.waiting.length > 0 && this.cursor.isBetweenMessages) {
        hasRoom = this.write(Buffer.concat([piece.subarray(at, next), ...this.waiting]));
        this.waiting = [];
        this.waitingBytes = 0;
        at = next;
      } else if (this.waiting.length > 0 || next === piece.length) {
        hasRoom = this.write(piece.subarray(at, next));
        at = next;
      } else {
        // Nothing waits: the rest goes in one piece, followed to its end.
        for (let from = next; from < piece.length;) from = this.cursor.follow(piece, from);
        hasRoom = this.write(piece.subarray(at));
        at = piece.length;
      }
    }
    return hasRoom;
  }

  private write(piece: Buffer): boolean {
    if (this.unwritten++ === 0) this.stillSince = performance.now();
    return this.client.write(piece, () => {
      this.unwritten--;
      this.stillSince = performance.now();
    });
  }
}
