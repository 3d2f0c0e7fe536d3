import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import multipart, { type MultipartFile } from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { domainError, DomainError, type Operation, Unavailable, type Upload } from '../contract';
import type { Dispatcher, EdgeCall } from '../dispatch/dispatcher';
import { InvalidInput } from '../dispatch/faults';
import { type ObjectStore, ObjectStoreUnavailable } from '../objects/object-store';
import { BadRequest } from './body';
import { Turns } from '../dispatch/turns';

/** So long a file may take to arrive. */
export const UPLOAD_MS = 600_000;
/** Files that are stored at the same moment; the others wait, and their clients with them. Each holds up to two parts of 5 MiB. */
const AT_ONCE = 32;
/** Of what a refused request still sends, so much is read and thrown away: a browser that is still sending would not see the answer. */
const SWALLOWED_BYTES = 64 * 1024 * 1024;
const MEBIBYTE = 1_048_576;

const NotAForm = domainError('not_a_form', { status: 400, detail: 'There was an error parsing the body' });

const turns = new Turns(AT_ONCE);

/** Multipart forms for the routes of this room. Nothing of a file is kept in memory or on disk. */
export function acceptForms(room: FastifyInstance): void {
  room.register(multipart, {
    preservePath: true, // the name is given back as it was sent
    limits: { files: 1, fields: 20, parts: 21, fieldNameSize: 200, fieldSize: 10_000, fileSize: Infinity, headerPairs: 50 },
  } as Parameters<typeof room.register>[1]);
}

interface Taking {
  readonly operation: Operation;
  readonly how: Upload;
  readonly objects: ObjectStore;
  readonly dispatcher: Dispatcher;
  readonly call: EdgeCall;
}

/**
 * The file of a form into the object store, hashed on the way: the domain reserves room and says where to, and is told when all is there.
 *
 * @returns the operation's answer
 */
export async function takeUpload(request: FastifyRequest, taking: Taking): Promise<unknown> {
  try {
    if (!request.isMultipart()) throw missingFile(taking.how);
    let answer: unknown;
    let isTaken = false;
    for await (const part of request.parts()) {
      if (part.type !== 'file' || part.fieldname !== taking.how.file) {
        if (part.type === 'file') part.file.resume();
        continue;
      }
      answer = await turns.take(() => store(part, taking));
      isTaken = true;
    }
    if (!isTaken) throw missingFile(taking.how);
    return answer;
  } catch (error) {
    swallowRest(request);
    throw toAnswer(error);
  }
}

async function store(part: MultipartFile, { operation, how, objects, dispatcher, call }: Taking): Promise<unknown> {
  const named = { file_name: part.filename ?? '', file_type: part.mimetype || 'application/octet-stream' };
  const reserved = await dispatcher.callFromEdge(how.reserve, named, { ...call, key: `${call.key}/reserve` });
  const { upload_id, key, limit_bytes } = reserved as { upload_id: string; key: string; limit_bytes: number };
  const hash = createHash('sha256');
  let size_bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size_bytes += chunk.length;
      if (size_bytes > limit_bytes) return done(tooLarge(how, limit_bytes));
      hash.update(chunk);
      done(null, chunk);
    },
  });
  part.file.once('error', (error) => counted.destroy(error)).pipe(counted);
  try {
    await objects.put(key, counted);
  } finally {
    part.file.unpipe(counted);
    part.file.on('error', () => undefined).resume(); // what is left of it must not hold up the form
  }
  return dispatcher.callFromEdge(operation, { upload_id, size_bytes, sha256: hash.digest('hex') }, call);
}

function tooLarge({ tooLarge: { code, status, detail } }: Upload, limitBytes: number): DomainError {
  return new DomainError(code, status, `${detail} (max ${Math.floor(limitBytes / MEBIBYTE)}MB)`);
}

function missingFile({ file }: Upload): DomainError {
  return InvalidInput({ errors: [{ type: 'missing', loc: [file], msg: 'Field required', input: null }] });
}

function swallowRest({ raw }: FastifyRequest): void {
  raw.unpipe();
  let swallowed = 0;
  raw.on('data', (chunk: Buffer) => {
    swallowed += chunk.length;
    if (swallowed > SWALLOWED_BYTES) raw.destroy();
  });
  raw.on('error', () => undefined).resume();
}

/** The parser's own refusals are about the form; what went wrong between here and the store is nobody's fault. */
function toAnswer(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  if (error instanceof ObjectStoreUnavailable) return Object.assign(Unavailable(), { cause: error });
  const { code } = error as { code?: string };
  if (code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET') return BadRequest();
  return code?.startsWith('FST_') || (error instanceof Error && /multipart|boundary|end of form/i.test(error.message)) ? NotAForm() : error;
}
