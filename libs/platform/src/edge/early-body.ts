import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BadRequest, BODY_LIMIT_BYTES, BodyTooLarge } from './body';

declare module 'fastify' {
  interface FastifyRequest {
    /** What was read before it was this request's turn; the parser of bodies reads it from here. */
    earlyBody: Buffer | undefined;
  }
}

/** Whatever a request for the edge itself sends after this long is not waited for. */
export const BODY_MS = 30_000;

/** Lets a body be read before anybody has decided who answers, and by the edge's own parser all the same. */
export function allowEarlyBodies(server: FastifyInstance): void {
  server.decorateRequest('earlyBody', undefined);
  server.addHook('preParsing', async (request, _reply, payload) => {
    const { earlyBody } = request;
    // Of its length the parser takes what the stream says, which a compressed body would need; here it is the same.
    return earlyBody ? Object.assign(Readable.from([earlyBody]), { receivedEncodedLength: earlyBody.length }) : payload;
  });
}

/** The whole body, once. @throws BodyTooLarge, BadRequest if its end does not come */
export async function readEarly(request: FastifyRequest): Promise<Buffer> {
  if (request.earlyBody) return request.earlyBody;
  limitBody(request.raw, BODY_MS);
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of request.raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes > BODY_LIMIT_BYTES) break;
      chunks.push(chunk);
    }
  } catch {
    throw BadRequest();
  }
  if (sizeBytes > BODY_LIMIT_BYTES) throw BodyTooLarge();
  return (request.earlyBody = Buffer.concat(chunks));
}

/** A request that says so brings a body, perhaps an empty one. */
export function bringsBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] !== undefined && headers['content-length'] !== '0');
}

/** What a client sends after `limitMs` is not waited for. Where a server's own limit is off for the sake of long uploads to elsewhere. */
export function limitBody(raw: IncomingMessage, limitMs: number): void {
  if (raw.complete || !bringsBody(raw)) return;
  const timer = setTimeout(() => raw.destroy(), limitMs).unref();
  const stop = () => clearTimeout(timer);
  raw.once('end', stop).once('close', stop);
}
