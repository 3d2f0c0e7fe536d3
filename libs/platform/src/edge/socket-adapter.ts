import type { WebSocketAdapter } from '@nestjs/common';
import type { MessageMappingProperties } from '@nestjs/websockets';
import { type WebSocket, WebSocketServer } from 'ws';
import type { UserActor } from '../contract';
import type { Opening } from '../nest/opening';
import { SocketInbox } from './socket-inbox';
import type { Upgrade } from './upgrades';

/** The largest frame that a client may send: two envelopes and what belongs to them. More closes the socket with 1009. */
const MAX_FRAME_BYTES = 1_048_576;
/** RFC 6455, section 7.4.1: a type of data that we do not take. */
const UNSUPPORTED_DATA = 1003;

/**
 * How Nest's gateways meet sockets of the package `ws`: text frames `{"type", "payload"}`, handled one after the other, by the handler that
 * is subscribed to the type. There is no answer to a frame; handlers push what they have to say. Sockets come from the edge (`open`), which
 * knows who they belong to before their handshake.
 */
export class SocketAdapter implements WebSocketAdapter<WebSocketServer, WebSocket, object> {
  private readonly server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
  });
  private readonly diverts = new WeakMap<WebSocket, NonNullable<Opening['divert']>>();

  /** Whether there is a gateway in this process. */
  get isServing(): boolean {
    return this.server.listenerCount('connection') > 0;
  }

  /** Completes the handshake and hands the socket to the gateway. */
  open({ socket, head }: Upgrade, user: UserActor, opening: Opening): void {
    this.server.handleUpgrade(opening.request, socket, head, (opened) => {
      this.server.emit('connection', opened, user, opening);
      if (opening.divert) this.diverts.set(opened, opening.divert);
    });
  }

  create(): WebSocketServer {
    return this.server;
  }

  bindClientConnect(server: WebSocketServer, callback: (socket: WebSocket, user: UserActor, opening: Opening) => void): void {
    server.on('connection', callback as never);
  }

  bindClientDisconnect(client: WebSocket, callback: () => void): void {
    // Whatever goes wrong on a connection, it closes; without a listener the process would end with it.
    client.on('error', () => client.terminate()).on('close', callback);
  }

  bindMessageHandlers(client: WebSocket, handlers: MessageMappingProperties[]): void {
    const inbox = new SocketInbox(client, {
      divert: (text) => this.diverts.get(client)?.(text),
      take: async (type, payload) => {
        await handlers.find(({ message }) => message === type)?.callback(payload, type);
      },
    });
    client.on('message', (data: Buffer, isBinary) => {
      if (isBinary) client.close(UNSUPPORTED_DATA);
      else inbox.add(data.toString('utf8'));
    });
  }

  /** Nest asks for it when the program ends; sockets have ended by then. */
  dispose(): Promise<void> {
    return Promise.resolve();
  }

  close(server: WebSocketServer): void {
    server.removeAllListeners('connection');
  }
}
