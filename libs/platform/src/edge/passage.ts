import type { Duplex } from 'node:stream';
import { closeFrame, FrameCursor } from './frames';

/** A client that does not read the last word is not waited for. */
const GOODBYE_MS = 2_000;
/** After the other process's end has gone, what it sent last may still be read for so long. */
const LAST_READING_MS = 30_000;
/** RFC 6455, section 7.4, and its registry: the server restarts, come again. */
const SERVICE_RESTART = 1012;

/**
 * A client's WebSocket that ends in a worker. Bytes go both ways as they are, no faster than they are read. Of those to the client the
 * frames are followed, so that he can be told to come again between two of them.
 */
export class Passage {
  private readonly cursor = new FrameCursor();
  private hasEnded = false;

  constructor(
    private readonly client: Duplex,
    private readonly worker: Duplex,
    ended: () => void,
  ) {
    // Both may close half: who has said his last word may still listen.
    client.on('error', () => client.destroy()).on('end', () => worker.end());
    worker.on('error', () => worker.destroy()).on('end', () => client.end());
    client.once('close', () => {
      this.hasEnded = true;
      worker.destroy();
      ended();
    });
    worker.once('close', () => {
      this.hasEnded = true;
      client.end();
      setTimeout(() => client.destroy(), LAST_READING_MS).unref();
    });
  }

  /** @param heads what either side sent behind its handshake */
  start(heads: { client: Buffer; worker: Buffer }): void {
    if (heads.client.length > 0) this.worker.write(heads.client);
    if (heads.worker.length > 0) this.toClient(heads.worker);
    this.client.pipe(this.worker, { end: false });
    this.worker.on('data', (piece: Buffer) => {
      if (!this.toClient(piece)) this.worker.pause();
    });
    this.client.on('drain', () => this.worker.resume());
  }

  /** This host goes: the client comes again elsewhere. */
  end(): void {
    if (!this.hasEnded && this.cursor.isBetweenMessages) this.client.write(closeFrame(SERVICE_RESTART));
    this.hasEnded = true;
    this.client.end(() => this.client.destroy());
    setTimeout(() => this.client.destroy(), GOODBYE_MS).unref();
    this.worker.destroy();
  }

  private toClient(piece: Buffer): boolean {
    for (let at = 0; at < piece.length;) at = this.cursor.follow(piece, at);
    return this.client.write(piece);
  }
}
