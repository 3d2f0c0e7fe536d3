const CLOSE = 0x88;
const FIRST_CONTROL = 0x8;

/** Follows the frames of one direction of a WebSocket (RFC 6455, section 5.2) through whatever pieces its bytes come in. */
export class FrameCursor {
  private readonly head = Buffer.alloc(14);
  private headBytes = 0;
  private payloadBytes = 0;
  private isMessageOpen = false;
  private closing = false;

  /** Another frame may be put here: no frame and no fragmented message is under way. */
  get isBetweenMessages(): boolean {
    return this.headBytes === 0 && this.payloadBytes === 0 && !this.isMessageOpen && !this.closing;
  }

  /** The closing frame has gone by; nothing may follow it. */
  get isClosing(): boolean {
    return this.closing;
  }

  /** Follows `piece` from `start` to its end, or to the first place between messages. @returns how far it came */
  follow(piece: Buffer, start = 0): number {
    for (let at = start; at < piece.length;) {
      if (this.payloadBytes > 0) {
        const taken = Math.min(this.payloadBytes, piece.length - at);
        this.payloadBytes -= taken;
        at += taken;
      } else {
        this.head[this.headBytes++] = piece[at++]!;
        if (this.headBytes < this.headLength()) continue;
        this.beginPayload();
      }
      if (this.isBetweenMessages) return at;
    }
    return piece.length;
  }

  private headLength(): number {
    if (this.headBytes < 2) return 2;
    const length = this.head[1]! & 0x7f;
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (this.head[1]! & 0x80 ? 4 : 0);
  }

  private beginPayload(): void {
    const length = this.head[1]! & 0x7f;
    this.payloadBytes = length === 126 ? this.head.readUInt16BE(2) : length === 127 ? Number(this.head.readBigUInt64BE(2)) : length;
    const [isFinal, opcode] = [(this.head[0]! & 0x80) !== 0, this.head[0]! & 0x0f];
    // Control frames may come within a fragmented message and do not end it.
    if (opcode < FIRST_CONTROL) this.isMessageOpen = !isFinal;
    if (opcode === (CLOSE & 0x0f)) this.closing = true;
    this.headBytes = 0;
  }
}

/** As a server sends it (section 5.5.1). */
export function closeFrame(code: number): Buffer {
  return Buffer.from([CLOSE, 2, code >> 8, code & 0xff]);
}
