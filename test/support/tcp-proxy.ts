import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A server that can be taken away: it stands between a client and the real one, on a port of its own. */
export interface TcpProxy {
  readonly port: number;
  /** The same URL through the proxy. */
  through(url: string): string;
  /** Cuts every connection and refuses new ones, as a stopped server does. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Nothing is passed on any more, and nobody is told, as with a frozen machine. */
  freeze(): void;
  thaw(): void;
  /** Cuts one connection, whichever chance picks. */
  cutOne(): void;
  /** From now on what comes waits so long before it is passed on, each way. */
  delay(ms: number): void;
  close(): Promise<void>;
}

export async function startTcpProxy(targetUrl: string): Promise<TcpProxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  let isFrozen = false;
  let delayMs = 0;
  const server = createServer((inner) => {
    const outer = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        if (delayMs === 0) return void other.write(chunk);
        setTimeout(() => void other.write(chunk), delayMs);
      });
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      if (isFrozen) socket.pause();
    }
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((resolve) => {
      if (!server.listening) return resolve();
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return {
    port,
    through: (url) => {
      const changed = new URL(url);
      changed.hostname = '127.0.0.1';
      changed.port = String(port);
      return changed.href;
    },
    stop,
    start: () => listen(port),
    freeze: () => {
      isFrozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw: () => {
      isFrozen = false;
      for (const socket of sockets) socket.resume();
    },
    cutOne: () => [...sockets][Math.floor(Math.random() * sockets.size)]?.destroy(),
    delay: (ms) => {
      delayMs = ms;
    },
    close: stop,
  };
}
