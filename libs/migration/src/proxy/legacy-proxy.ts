import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { bringsBody, limitBody } from '@banyan/platform/edge/early-body';
import { LegacyBusy, LegacySilent, LegacyUnreachable } from './errors';
import { answerHeaders, type Forwarded, requestHeaders } from './headers';
import { Stillness } from './stillness';

/** How long each part of an exchange may stand still, and how many exchanges there may be. */
export const LIMITS = {
  connectMs: 3_000,
  /** From the end of the request to the beginning of the answer. */
  answerMs: 60_000,
  /** Between two pieces of a body, in either direction, whichever side is slow. */
  idleMs: 60_000,
  /** Kept connections are closed by us after this long, well before the monolith does it (5 s): its closing could meet a request. */
  keepMs: 2_000,
  /** At a time. A monolith that answers nothing costs so many sockets and no more. */
  inFlight: 1_000,
  /** Of these, for clients of one address: whoever opens requests and lets them hang does not take all. */
  inFlightOfAddress: 500,
  /** Of an answer that is looked at before it is passed on. */
  inspectedBytes: 1_048_576,
};
export type Limits = typeof LIMITS;

/** Sees an answer. @returns what is passed on in its place, undefined for as it is; what it throws is thrown instead of any answer */
export type Revise = (status: number, body: Buffer) => Promise<Buffer | undefined>;

/** One request of a client and what becomes of it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly forwarded: Forwarded;
  /** What was read of the request already: all of it. */
  readonly body?: Buffer;
  /** Called once, just before the first byte of the answer is written. */
  readonly begin: () => void;
  /** Looks at the whole answer before it is passed on. */
  readonly revise?: Revise;
}

/**
 * Takes requests to the monolith and its answers back, byte for byte. What it cannot answer it throws as long as nothing was
 * written; a half written answer ends with its connection, as the monolith's own would. Only what is safe to repeat is asked a
 * second time, when a kept connection turns out to have been closed.
 */
export class LegacyProxy {
  private readonly url: URL;
  private readonly agent: HttpAgent | HttpsAgent;
  private readonly limits: Limits;
  private exchanges = 0;
  private readonly byAddress = new Map<string, number>();

  constructor(url: string, limits: Partial<Limits> = {}) {
    this.url = new URL(url);
    this.limits = { ...LIMITS, ...limits };
    const options = { keepAlive: true, timeout: this.limits.keepMs, scheduling: 'lifo' as const, maxFreeSockets: 256 };
    this.agent = this.url.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Resolves with the status when the answer is written, or its connection is gone. @throws LegacyBusy, LegacyUnreachable, LegacySilent, and what `revise` throws */
  async forward(exchange: Exchange): Promise<number> {
    const address = exchange.forwarded.for;
    const ofAddress = this.byAddress.get(address) ?? 0;
    if (this.exchanges >= this.limits.inFlight || ofAddress >= this.limits.inFlightOfAddress) throw LegacyBusy();
    this.exchanges++;
    this.byAddress.set(address, ofAddress + 1);
    try {
      return await this.attempt(exchange, this.agent).catch((error: unknown) => {
        if (error instanceof ConnectionWasClosed) return this.attempt(exchange, false);
        throw error;
      });
    } finally {
      this.exchanges--;
      const left = this.byAddress.get(address)! - 1;
      if (left > 0) this.byAddress.set(address, left);
      else this.byAddress.delete(address);
    }
  }

  close(): void {
    this.agent.destroy();
  }

  /** A request to the monolith whose head has the client's words. */
  open(request: IncomingMessage, headers: readonly string[], agent: HttpAgent | HttpsAgent | false): ClientRequest {
    const ask = this.url.protocol === 'https:' ? httpsRequest : httpRequest;
    return ask({
      host: this.url.hostname.replace(/^\[|\]$/g, ''),
      port: this.url.port,
      method: request.method,
      path: request.url,
      headers,
      agent,
    });
  }

  private attempt(exchange: Exchange, agent: HttpAgent | HttpsAgent | false): Promise<number> {
    const { request, response, forwarded, body, revise } = exchange;
    const hasBody = bringsBody(request);
    return new Promise((resolve, reject) => {
      const upstream = this.open(
        request,
        requestHeaders(request, forwarded, {
          bodyBytes: body?.length,
          isRevised: revise !== undefined,
        }),
        agent,
      );
      let arriving: IncomingMessage | undefined;
      // When the whole answer is here, it is the client who does not take it.
      const still = new Stillness((reason) => (arriving?.complete ? response.destroy() : upstream.destroy(reason)));
      const done = (settle: () => void) => {
        still.end();
        response.off('close', clientGone);
        if (!request.complete) this.letGo(request, upstream);
        settle();
      };
      const clientGone = () => {
        if (response.writableFinished) return; // he has all of it; how the exchange ended is on its way
        upstream.destroy();
        done(() => resolve(CLIENT_GONE));
      };
      if (response.destroyed) return clientGone();
      response.once('close', clientGone);
      still.within(this.limits.connectMs, LegacySilent);
      upstream.once('socket', (socket) => {
        const connected = () => still.within(this.limits.idleMs, LegacySilent);
        if (socket.connecting) socket.once(this.url.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
        else connected();
        socket.on('drain', still.moved);
        upstream.once('close', () => socket.off('drain', still.moved));
      });
      upstream.once('finish', () => still.within(this.limits.answerMs, LegacySilent));
      upstream.on('error', (error) => {
        if (!response.headersSent) return done(() => reject(failure(error, upstream, !hasBody && REPEATABLE.has(request.method!))));
        response.destroy();
        done(() => resolve(response.statusCode));
      });
      upstream.once('response', (answer) => {
        arriving = answer;
        still.within(this.limits.idleMs, LegacySilent);
        this.answer(exchange, answer, still).then(
          (status) => done(() => resolve(status)),
          (error: unknown) => {
            upstream.destroy();
            done(() => reject(error as Error));
          },
        );
      });
      upstream.once('upgrade', (_answer, socket) => {
        socket.on('error', () => undefined).destroy();
        done(() => reject(because(LegacyUnreachable(), new Error('an upgrade that nobody asked for'))));
      });
      if (body || !hasBody) upstream.end(body);
      else {
        request.on('data', still.moved);
        request.pipe(upstream);
      }
    });
  }

  /** The exchange is over and the client still sends: that goes nowhere, and not for ever. */
  private letGo(request: IncomingMessage, upstream: ClientRequest): void {
    request.unpipe(upstream);
    request.resume();
    limitBody(request, this.limits.idleMs);
    upstream.destroy();
  }

  private async answer(
    { request, response, forwarded, begin, revise }: Exchange,
    answer: IncomingMessage,
    still: Stillness,
  ): Promise<number> {
    const status = answer.statusCode!;
    const hosts = [this.url.host, request.headers.host ?? ''];
    const start = (bodyBytes?: number) => {
      try {
        response.sendDate = false;
        response.writeHead(status, answer.statusMessage, answerHeaders(answer, forwarded, hosts, bodyBytes));
      } catch (error) {
        // Node reads more than it writes: a status below 100, control characters in its words. Nothing is written yet.
        Object.assign(response, { statusCode: 502, statusMessage: '', sendDate: true });
        throw because(LegacyUnreachable(), error);
      }
      begin();
    };
    if (revise) {
      const whole = await this.collect(answer, still);
      const revised = await revise(status, whole);
      start(revised?.length);
      response.end(revised ?? whole);
      return status;
    }
    start();
    response.write(NOTHING); // the head at once, since the body may take its time; flushHeaders() would write it as UTF-8
    answer.on('data', still.moved);
    response.on('drain', still.moved);
    answer.pipe(response);
    return new Promise((resolve) => {
      response.once('finish', () => resolve(status));
      // Half an answer must not look like a whole one.
      answer.once('close', () => {
        if (answer.complete) return;
        response.destroy();
        resolve(status);
      });
    });
  }

  private async collect(answer: IncomingMessage, still: Stillness): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        still.moved();
        sizeBytes += chunk.length;
        if (sizeBytes > this.limits.inspectedBytes) throw new Error('the answer is too long to be looked at');
        chunks.push(chunk);
      }
    } catch (error) {
      throw because(LegacyUnreachable(), error);
    }
    return Buffer.concat(chunks);
  }
}

const NOTHING = Buffer.alloc(0);
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** As others log a client that did not wait for its answer. */
export const CLIENT_GONE = 499;

/** A kept connection ended before it had brought any answer. */
class ConnectionWasClosed extends Error {}

function failure(error: Error & { code?: string }, upstream: ClientRequest, mayRepeat: boolean): Error {
  if (error.name === LegacySilent.code) return error;
  const isClosed = upstream.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
  return isClosed && mayRepeat ? new ConnectionWasClosed() : because(LegacyUnreachable(), error);
}

function because<E extends Error>(error: E, cause: unknown): E {
  error.cause = cause;
  return error;
}
