import { type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Passage } from './passage';
import { spreadOut } from '../dispatch/spread';
import { onceGone, type Upgrade } from './upgrades';

/** A worker that has not begun to answer by then is not waited for. */
const ANSWER_MS = 3_000;
const KEEP_ALIVE_MS = 30_000;

export interface PipedClient {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly upgrade: Upgrade;
}

/** Clients' sockets that end in another process of ours. Its answer, also a refusal, is passed on as it comes. */
export class SocketPipe {
  private readonly passages = new Set<Passage>();
  private isDraining = false;

  get count(): number {
    return this.passages.size;
  }

  /**
   * @returns false if that process does not answer, or is about to go: nothing has happened, and another one may be asked; true also if there
   * is no client any more
   */
  pipe(client: PipedClient, url: string): Promise<boolean> {
    const { request, upgrade } = client;
    // The worker asks who it is by the token; whose page it is has been judged here, with settings that it does not have.
    const { origin: _judged, host = '', ...headers } = request.headers;
    return new Promise((resolve) => {
      const asked = httpRequest(new URL(request.url ?? '/', url), {
        headers: { ...headers, host, 'x-forwarded-for': request.socket?.remoteAddress ?? '' },
        timeout: ANSWER_MS,
      });
      const giveUp = () => asked.destroy(new Error('the client has gone'));
      onceGone(upgrade.socket, giveUp);
      asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
      asked.on('error', () => {
        upgrade.socket.off('close', giveUp); // the next one is asked with its own
        resolve(upgrade.socket.destroyed);
      });
      asked.on('response', (answer) => {
        upgrade.socket.off('close', giveUp);
        answer.resume();
        if (answer.statusCode === 503) return resolve(false);
        client.response.writeHead(answer.statusCode ?? 502, { 'Content-Length': '0' }).end();
        resolve(true);
      });
      asked.on('upgrade', (answer, socket: Socket, head) => {
        upgrade.socket.off('close', giveUp);
        if (upgrade.socket.destroyed) socket.destroy();
        else this.join(client, answer, socket, head);
        resolve(true);
      });
      asked.end();
    });
  }

  /** This process goes: every client is told to come again. */
  async drain(): Promise<void> {
    this.isDraining = true;
    await spreadOut([...this.passages], (passage) => passage.end());
  }

  private join({ response, upgrade }: PipedClient, answer: IncomingMessage, far: Socket, head: Buffer): void {
    const near = upgrade.socket as Socket;
    response.detachSocket(near);
    for (const side of [near, far]) side.setTimeout(0).setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
    for (let i = 0; i < answer.rawHeaders.length; i += 2) lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
    near.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    const passage = new Passage(near, far, () => this.passages.delete(passage));
    this.passages.add(passage);
    passage.start({ client: upgrade.head, worker: head });
    if (this.isDraining) passage.end();
  }
}
