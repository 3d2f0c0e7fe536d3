import type { Duplex } from 'node:stream';
import type { UserActor } from '@banyan/platform/contract';
import type { WebSocket } from 'ws';
import { Confirmed } from './confirmed';
import type { Connection } from './connections';
import type { Frame } from './contract';
import { outgoing, SentFrames } from './outgoing';
import { ToldPresence } from './told-presence';
import type { Reader, Unread } from './unread';

/** What a client that reads slowly may leave unread, with what is held for him. */
const MAX_UNREAD_BYTES = 4_194_304;
/** Of what is pushed before the greeting is complete, however small. */
const MAX_HELD_FRAMES = 1_000;
/** A queue is written in pieces: the next when no more than this is unread. */
const ROOM_BYTES = 1_048_576;
const ROOM_LOOK_MS = 20;
/** So long a reader who makes no room is waited for. */
const ROOM_MS = 30_000;
/** RFC 6455, section 7.4.1: against the rules; the web client takes it for a refused token. */
const POLICY_VIOLATION = 1008;
/** Of the registry of section 7.4: come again. */
const SERVICE_RESTART = 1012;

/** A client's socket that ends here. What is pushed before its greeting is complete comes after it. */
export class ClientSocket implements Connection, Reader {
  private readonly sent = new SentFrames();
  private readonly told = new ToldPresence();
  private held: Frame[] | undefined = [];
  private heldBytes = 0;
  private waiting: (() => void)[] | undefined;
  readonly confirmed = new Confirmed();
  /** The last ping has been answered. */
  isAlive = true;
  /** In which second of the round it is pinged. */
  slot = 0;
  /** Who has a socket that does not end here, and is not gone with those that do. */
  isElsewhere: ((userId: string) => boolean) | undefined;

  constructor(
    readonly connectionId: string,
    readonly user: UserActor,
    private readonly socket: WebSocket,
    /** What `socket` writes to, one whole frame after the other: nothing is compressed, so none of its frames waits there for its end. */
    private readonly wire: Duplex,
    private readonly unread: Unread,
  ) {}

  get userId(): string {
    return this.user.userId;
  }

  get sessionId(): string | undefined {
    return this.user.sessionId;
  }

  get isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  get unreadBytes(): number {
    return this.socket.bufferedAmount + this.heldBytes;
  }

  send(frame: Frame): boolean {
    if (!this.isOpen) return false;
    if (!this.held) return this.write(frame);
    if (this.held.length >= MAX_HELD_FRAMES || this.leavesTooMuch()) return this.giveUp();
    this.held.push(frame);
    this.heldBytes += outgoing(frame).text.length;
    this.unread.note(this);
    return false; // he may go before he gets it: it stays in his queue
  }

  /** Part of the greeting: at once, when the client has read what came before. @returns false if he is gone */
  async greet(frame: Frame): Promise<boolean> {
    return (await this.hasRoom()) && this.write(frame);
  }

  /** What another server says to him, in its words (`text`), when he has been greeted and has read what came before. @returns false if he is gone */
  async pass(frame: Frame, text?: string): Promise<boolean> {
    if (this.held) await new Promise<void>((resolve) => (this.waiting ??= []).push(resolve));
    return (await this.hasRoom()) && this.write(frame, text);
  }

  /** Whether he was told that somebody is there, and not yet that he has gone. */
  believesOnline(userId: string): boolean {
    return this.told.believesOnline(userId);
  }

  /** The greeting is complete. */
  release(): void {
    const held = this.held ?? [];
    this.held = undefined;
    this.heldBytes = 0;
    for (const frame of held) this.write(frame);
    for (const go of this.waiting ?? []) go();
    this.waiting = undefined;
  }

  /** Whoever has not answered the last one is gone. */
  ping(): void {
    if (!this.isAlive) return this.socket.terminate();
    this.isAlive = false;
    if (this.isOpen) this.socket.ping();
  }

  end(): void {
    this.socket.close(POLICY_VIOLATION);
  }

  restart(): void {
    this.socket.close(SERVICE_RESTART);
  }

  /** As another server has closed his socket there. */
  closeWith(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  terminate(): void {
    this.socket.terminate();
  }

  private async hasRoom(): Promise<boolean> {
    for (let waited = 0; this.socket.bufferedAmount > ROOM_BYTES; waited += ROOM_LOOK_MS) {
      if (waited >= ROOM_MS) this.socket.terminate();
      if (!this.isOpen) return false;
      await new Promise((resolve) => setTimeout(resolve, ROOM_LOOK_MS));
    }
    return this.isOpen;
  }

  private write(frame: Frame, text?: string): boolean {
    const ready = outgoing(frame);
    return this.sent.once(ready, () => {
      if (!this.isOpen) return false;
      if (this.leavesTooMuch()) return this.giveUp();
      if (frame.type === 'user_offline' && this.isElsewhere?.(String(frame.body['user_id']))) return true;
      if (!this.told.isNews(frame)) return true;
      if (text === undefined) this.wire.write(ready.bytes);
      else this.socket.send(text);
      this.unread.note(this);
      return true;
    });
  }

  private leavesTooMuch(): boolean {
    return this.unreadBytes > MAX_UNREAD_BYTES;
  }

  /** His queue is kept; he comes again and gets it. */
  private giveUp(): false {
    this.terminate();
    return false;
  }
}
