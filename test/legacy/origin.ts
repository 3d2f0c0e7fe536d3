import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What a server saw of a request. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly sizeBytes: number;
  readonly sha256: string;
}

type Handler = (request: IncomingMessage, response: ServerResponse, socket: Socket) => void;

/** A server whose answers a test chooses to the byte; any path that was given no answer is answered with what was seen. */
export class Origin {
  /** Requests that have not been answered, by path: what a client that goes away ends. */
  readonly open = new Set<string>();
  private readonly sockets = new Set<Socket>();
  private readonly handlers = new Map<string, Handler>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Origin> {
    const server = createServer({ requestTimeout: 0 });
    const origin = new Origin(server);
    server.on('connection', (socket) => {
      origin.sockets.add(socket);
      socket.once('close', () => origin.sockets.delete(socket)).on('error', () => undefined);
    });
    server.on('request', (request, response) => origin.answer(request, response));
    await origin.listen(0);
    return origin;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  on(path: string, handler: Handler): void {
    this.handlers.set(path, handler);
  }

  /** These bytes and nothing else, then whatever `then` does to the connection. */
  onRaw(path: string, bytes: string, then: (socket: Socket) => void = () => undefined): void {
    this.on(path, (_request, _response, socket) => socket.write(Buffer.from(bytes, 'latin1'), () => then(socket)));
  }

  /** Whoever wants another protocol. */
  onUpgrade(handler: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): void {
    this.server.on('upgrade', handler);
  }

  async listen(port: number): Promise<void> {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const [path = ''] = request.url!.split('?');
    this.open.add(path);
    response.once('close', () => this.open.delete(path));
    const handler = this.handlers.get(path);
    if (handler) handler(request, response, request.socket);
    else void see(request).then((seen) => response.setHeader('Content-Type', 'application/json').end(JSON.stringify(seen)));
  }
}

export async function see(request: IncomingMessage): Promise<Seen> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { method: request.method!, url: request.url!, rawHeaders: request.rawHeaders, sizeBytes, sha256: hash.digest('hex') };
}
