import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';

/** How a socket was opened, for whoever carries a part of its frames to another server. */
export interface Opening {
  readonly request: IncomingMessage;
  /** Of the client, as far as it is known. */
  readonly address: string;
  /** Another server has accepted and greets him; its end, which is not read from yet. */
  readonly upstream?: WebSocket;
  /** Sees each text frame before it is read. @returns true if it is not ours */
  divert?: (text: string) => Promise<boolean>;
}
