import type { IncomingMessage } from 'node:http';
import { LegacyUnreachable } from '../proxy/errors';
import { type Forwarded, requestHeaders } from '../proxy/headers';
import { WebSocket } from 'ws';

/** A monolith that has not accepted by then does not. */
const HANDSHAKE_MS = 5_000;
/** So many handshakes of this process at a time: after a restart of the monolith all sockets want theirs at once. */
const MAX_HANDSHAKES = 64;
/** What the monolith sends in one frame; it takes 16 MiB itself. */
const MAX_FRAME_BYTES = 67_108_864;

/** Where a client's socket leads to at the monolith, in the client's words. */
export interface Target {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Of the client's connection, not of the one to the monolith. */
const OF_HANDSHAKE = /^(sec-websocket-(key|version|extensions|protocol)|content-length)$/i;

export function targetOf(request: IncomingMessage, forwarded: Forwarded): Target {
  const raw = requestHeaders(request, forwarded);
  const headers: Record<string, string> = {};
  for (let i = 0; i < raw.length; i += 2) if (!OF_HANDSHAKE.test(raw[i]!)) headers[raw[i]!.toLowerCase()] = raw[i + 1]!;
  return { path: request.url ?? '/', headers };
}

/** The monolith does not accept the socket. */
export class Refused extends Error {
  /** @param answer not read yet */
  constructor(readonly answer: IncomingMessage) {
    super(`the monolith refused a socket with ${answer.statusCode}`);
  }
}

/** Opens sockets at the monolith, a few at a time. */
export class Dialer {
  private handshakes = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly legacyUrl: string) {}

  get host(): string {
    return new URL(this.legacyUrl).host;
  }

  /** @returns an open socket that is paused: nothing is heard until whoever wants it resumes it @throws Refused, LegacyUnreachable */
  async dial({ path, headers }: Target): Promise<WebSocket> {
    while (this.handshakes >= MAX_HANDSHAKES) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.handshakes++;
    try {
      return await this.shakeHands(path, headers);
    } finally {
      this.handshakes--;
      this.waiting.shift()?.();
    }
  }

  private shakeHands(path: string, headers: Readonly<Record<string, string>>): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      const options = { headers, perMessageDeflate: false, handshakeTimeout: HANDSHAKE_MS, maxPayload: MAX_FRAME_BYTES };
      const socket = new WebSocket(new URL(path, this.legacyUrl.replace(/^http/, 'ws')), options);
      socket.once('open', () => {
        socket.pause();
        resolve(socket);
      });
      socket.once('unexpected-response', (_request, answer) => reject(new Refused(answer)));
      socket.on('error', (cause) => reject(Object.assign(LegacyUnreachable(), { cause }))); // afterwards the close tells it
    });
  }
}
