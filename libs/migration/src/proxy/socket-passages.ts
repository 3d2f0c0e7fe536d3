import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { SocketLimits } from '@banyan/platform/config/socket-limits';
import { normaliseUuid, Uuid } from '@banyan/platform/contract';
import type { Upgrade } from '@banyan/platform/edge/upgrades';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { Connection } from '@banyan/websocket/connections';
import type { Frame } from '@banyan/websocket/contract';
import { Passage } from '@banyan/platform/edge/passage';
import { type SocketPlace, SocketPlaces } from './socket-places';

/** Where open connections are kept, so that whatever is pushed to a user finds them. */
export interface OpenSockets {
  newConnectionId(): string;
  open(connection: Connection): Promise<void>;
  close(connection: Connection): Promise<unknown>;
}

/** So many frames a connection remembers, and sends none of them twice. */
const REMEMBERED_FRAMES = 4_096;
const KEEP_ALIVE_MS = 30_000;
/** What all clients together may leave unread; pushes beyond that wait in their queues only. */
const MAX_UNREAD_BYTES = 268_435_456;
const SWEEP_MS = 1_000;

/** The clients' sockets that pass through this host to the monolith. Each is registered, so that new code reaches its client too. */
export class SocketPassages {
  private readonly passages = new Set<Passage>();
  private readonly places: SocketPlaces;
  /** Of all clients; at most what it is, since what was read since the last sweep still counts. */
  private unreadBytes = 0;
  private sweeping: NodeJS.Timeout | undefined;
  private hasEnded = false;

  constructor(
    private readonly sockets: () => OpenSockets,
    limits: SocketLimits,
    private readonly log: Logger,
  ) {
    this.places = new SocketPlaces(limits);
  }

  get count(): number {
    return this.passages.size;
  }

  /** Before the monolith is asked. @throws TooManySockets */
  reserve(address: string, url: string | undefined): SocketPlace {
    return this.places.take(address, userOf(url));
  }

  /** The monolith has accepted: tell the client in its words, and let pass what comes. */
  join(
    client: { request: IncomingMessage; response: ServerResponse; upgrade: Upgrade; place: SocketPlace },
    answer: IncomingMessage,
    legacy: Socket,
    head: Buffer,
  ): void {
    const { request, response, upgrade, place } = client;
    const socket = upgrade.socket as Socket;
    response.detachSocket(socket);
    for (const side of [socket, legacy]) side.setTimeout(0).setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
    for (let i = 0; i < answer.rawHeaders.length; i += 2) lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    const userId = userOf(request.url);
    place.confirm(userId);
    const connection: Connection | undefined =
      userId === undefined
        ? undefined
        : {
            connectionId: this.sockets().newConnectionId(),
            userId,
            sessionId: sessionOf(request.url),
            end: () => passage.refuse(),
            send: onceEach((frame) => this.send(passage, toText(frame))),
          };
    const passage = new Passage(socket, legacy, () => {
      this.passages.delete(passage);
      place.release();
      if (connection) this.sockets().close(connection).catch(this.ignored);
    });
    this.passages.add(passage);
    this.sweeping ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
    passage.start({ client: upgrade.head, legacy: head });
    if (this.hasEnded) return passage.end(); // it came while this process was stopping
    if (connection && !socket.destroyed) this.sockets().open(connection).catch(this.ignored);
  }

  /** This process is stopped: every client is told to come again. */
  end(): void {
    this.hasEnded = true;
    clearInterval(this.sweeping);
    for (const passage of this.passages) passage.end();
  }

  private send(passage: Passage, text: string): boolean {
    if (this.unreadBytes + text.length > MAX_UNREAD_BYTES) return false;
    const before = passage.unreadBytes;
    const isTaken = passage.send(text);
    this.unreadBytes += Math.max(0, passage.unreadBytes - before);
    return isTaken;
  }

  /** Whoever takes nothing is cut off, and what all have left is counted again. */
  private sweep(): void {
    const now = performance.now();
    this.unreadBytes = 0;
    for (const passage of this.passages) {
      if (passage.isStalled(now)) passage.cut();
      else this.unreadBytes += passage.unreadBytes;
    }
  }

  /** The next renewal of leases makes it good. */
  private readonly ignored = (error: unknown): void => this.log.warn({ err: error }, 'presence of a passed connection not told');
}

/** `/ws/{user_id}`: the monolith has compared it with the token before it accepted. */
function userOf(url = ''): string | undefined {
  const [, id = ''] = /^\/ws\/([^/?]+)\/?(?:\?|$)/.exec(url) ?? [];
  const userId = normaliseUuid(id);
  return Uuid.safeParse(userId).success ? userId : undefined;
}

/** Of the token in the address, which the monolith has verified. */
function sessionOf(url = ''): string | undefined {
  const token = new URL(url, 'http://host').searchParams.get('token') ?? '';
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as { sid?: unknown };
    return typeof claims.sid === 'string' ? claims.sid : undefined;
  } catch {
    return undefined;
  }
}

const toText = ({ type, body }: Frame): string => JSON.stringify({ type, ...body });

/** Of frames with one type and id only the first is sent; the others have been taken already. */
function onceEach(send: (frame: Frame) => boolean): (frame: Frame) => boolean {
  const sent = new Set<string>();
  return (frame) => {
    const name = `${frame.type}\0${frame.id}`;
    if (sent.has(name)) return true;
    if (!send(frame)) return false;
    sent.add(name);
    if (sent.size > REMEMBERED_FRAMES) sent.delete(sent.values().next().value!);
    return true;
  };
}
