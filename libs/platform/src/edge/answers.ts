import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { domainError, DomainError, type ErrorDefinition, Internal } from '../contract';
import { type Fault, sentenceOf } from '../dispatch/faults';
import type { Logger } from '../telemetry/log';
import { BadRequest, BodyTooLarge } from './body';

export const NotFound = domainError('not_found', { status: 404, detail: 'Not Found' });
export const MethodNotAllowed = domainError('method_not_allowed', { status: 405, detail: 'Method Not Allowed' });
const HeadersTooLarge = domainError('headers_too_large', { status: 431, detail: 'The request line or its headers are too large' });
const RequestTimeout = domainError('request_timeout', { status: 408, detail: 'The request did not arrive in time' });

/** Whoever does not close a connection that ends is not waited for. */
const GOODBYE_MS = 2_000;

/** Every error leaves as `{detail, code, trace_id}`, `detail` a text for people. Nothing else of an error leaves the process. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  const answer = toDomainError(error);
  const { trace } = request;
  if (answer.status >= 500) {
    log.error(
      {
        err: answer.code === Internal.code ? error : (answer.cause ?? answer),
        code: answer.code,
        method: request.method,
        route: request.routeOptions.url,
        trace_id: trace?.traceId,
      },
      'request failed',
    );
  }
  if (answer.retryAfterSeconds !== undefined) reply.header('Retry-After', String(answer.retryAfterSeconds));
  if (answer.status >= 500 && request.idempotencyKey) reply.header('Idempotency-Key', request.idempotencyKey);
  return reply
    .code(answer.status)
    .send({ detail: detailOf(answer), code: answer.code, ...(trace ? { trace_id: trace.traceId } : {}), ...answer.extra });
}

/** What is not even HTTP gets an answer too, and then the connection ends: where its next request would begin nobody knows. */
export function answerUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, detail, code } = UNREADABLE[error.code ?? ''] ?? BadRequest;
  const body = JSON.stringify({ detail, code });
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), GOODBYE_MS).unref();
}

const UNREADABLE: Readonly<Record<string, ErrorDefinition>> = {
  HPE_HEADER_OVERFLOW: HeadersTooLarge,
  ERR_HTTP_REQUEST_TIMEOUT: RequestTimeout,
};

function detailOf(answer: DomainError): string {
  const faults = answer.extra?.errors as readonly Fault[] | undefined;
  return faults ? sentenceOf(faults.map((fault) => ({ ...fault, loc: fault.loc.slice(1) }))) : answer.detail;
}

/** Fastify's own refusals (a body too large, a bad URL) carry a status below 500; anything else unknown is our fault. */
function toDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  if (status === 413) return BodyTooLarge();
  if (typeof status === 'number' && status >= 400 && status < 500) return BadRequest();
  return Internal();
}
