import type { FastifyInstance } from 'fastify';
import { domainError, MAX_JSON_DEPTH } from '../contract';
import { InvalidInput } from '../dispatch/faults';

/** Large enough for the longest message the contracts allow, small enough to keep many in memory. */
export const BODY_LIMIT_BYTES = 1_048_576;

export const BadRequest = domainError('bad_request', { status: 400, detail: 'Bad Request' });
export const BodyTooLarge = domainError('body_too_large', { status: 413, detail: 'The request is too large' });

/** JSON bodies as the web client sends them: also empty ones, with `Content-Type: application/json`, on POST and DELETE. */
export function acceptJsonBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseJson(body as string));
    } catch (error) {
      done(error as Error);
    }
  });
  // Whatever else is sent is read and judged as what it is: not an object. An operation without arguments does not mind.
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body === '' ? undefined : body));
}

function parseJson(text: string): unknown {
  if (text.trim() === '') return undefined;
  if (isDeeper(text, MAX_JSON_DEPTH)) {
    throw InvalidInput({
      errors: [{ type: 'json_invalid', loc: ['body'], msg: `JSON should not be nested deeper than ${MAX_JSON_DEPTH} levels` }],
    });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as SyntaxError;
    const offset = Number(/position (\d+)/.exec(message)?.[1] ?? text.length);
    throw InvalidInput({ errors: [{ type: 'json_invalid', loc: ['body', offset], msg: 'JSON decode error' }] });
  }
}

/** Looks at brackets outside of strings, before anything is built from them. */
function isDeeper(text: string, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > limit) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}
