import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';
import type { Person } from './people';
import { until } from './until';

export interface ReceivedFrame {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** A socket as the web client opens it. Remembers everything that came. */
export class SocketClient {
  readonly frames: ReceivedFrame[] = [];
  closedWith: number | undefined;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.frames.push(JSON.parse(data.toString('utf8')) as ReceivedFrame));
    socket.on('close', (code) => (this.closedWith = code));
    socket.on('error', () => undefined); // the close that follows tells it
  }

  /** Greeted when it resolves. @throws if the handshake is refused */
  static async open(url: string, { id, token }: Pick<Person, 'id' | 'token'>, options?: ClientOptions): Promise<SocketClient> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/${id}?token=${token}`, options);
    const client = new SocketClient(socket);
    await once(socket, 'open');
    await client.next('connection_established');
    return client;
  }

  /** With which status a handshake is refused. */
  static async refusal(url: string, path: string, options?: ClientOptions): Promise<number | undefined> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, options);
    const [, answer] = (await once(
      socket.on('error', () => undefined),
      'unexpected-response',
    )) as [unknown, { statusCode?: number }];
    return answer.statusCode;
  }

  say(type: string, payload: object): void {
    this.socket.send(JSON.stringify({ type, payload }));
  }

  of(type: string): ReceivedFrame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** Resolves when such a frame has come, also if it came before. */
  async next(type: string, is: (frame: ReceivedFrame) => boolean = () => true): Promise<ReceivedFrame> {
    await until(async () => this.of(type).some(is));
    return this.of(type).find(is)!;
  }

  /** What was said before has been dealt with when this resolves: frames of a socket are handled one after the other. */
  async settled(userId: string): Promise<void> {
    const before = this.of('typing').length;
    this.say('typing', { recipient_id: userId, is_typing: true });
    await until(async () => this.of('typing').length > before);
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.socket, 'close');
    this.socket.close();
    await closed;
  }
}
