import { createHash, randomUUID } from 'node:crypto';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import multipart, { type MultipartFile } from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { domainError, DomainError, type Operation, Unavailable, type Upload } from '../contract';
import type { Dispatcher, EdgeCall } from '../dispatch/dispatcher';
import { InvalidInput } from '../dispatch/faults';
import { type ObjectStore, ObjectStoreUnavailable } from '../objects/object-store';
import { Turns } from '../dispatch/turns';
import { BadRequest } from './body';

/** So long a file may take to arrive. */
export const UPLOAD_MS = 600_000;
/** Files that are stored at the same moment; the others wait, and their clients with them. Each holds up to two parts of 5 MiB. */
const AT_ONCE = 24;
/** Of one user, so that one who is slow, or means harm, does not hold up everybody. */
const AT_ONCE_EACH = 4;
/** A client of whose file nothing comes for so long has gone. */
const STALLED_MS = 30_000;
/** Of what a refused request still sends, so much is read and thrown away: a browser that is still sending would not see the answer. */
const SWALLOWED_BYTES = 64 * 1024 * 1024;
const MEBIBYTE = 1_048_576;

const TookTooLong = domainError('upload_stalled', { status: 408, detail: 'The file did not arrive in time' });
const NotAForm = domainError('not_a_form', { status: 400, detail: 'There was an error parsing the body' });

const turns = new Turns(AT_ONCE);
const turnsOf = new Map<string, { readonly turns: Turns; users: number }>();

/** The turn of a client among his own uploads, then among everybody's. */
async function inTurn<T>(who: string, work: () => Promise<T>): Promise<T> {
  const own = turnsOf.get(who) ?? { turns: new Turns(AT_ONCE_EACH), users: 0 };
  turnsOf.set(who, own);
  own.users++;
  try {
    return await own.turns.take(() => turns.take(work));
  } finally {
    if (--own.users === 0) turnsOf.delete(who);
  }
}

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
  const { operation, how, objects, dispatcher, call } = taking;
  let stored: Stored | undefined;
  try {
    if (!request.isMultipart()) throw missingFile(how);
    for await (const part of request.parts()) {
      if (part.type !== 'file') continue;
      if (part.fieldname !== how.file) part.file.resume();
      else stored = await inTurn(call.subject ?? call.address ?? '', () => store(part, taking));
    }
    if (!stored) throw missingFile(how);
  } catch (error) {
    // Not for the domain, which has heard of nothing that was stored: what is not completed, it removes in the end by itself.
    if (stored) await objects.remove(stored.key).catch(() => undefined);
    swallowRest(request);
    throw toAnswer(error);
  }
  const { upload_id, size_bytes, sha256 } = stored;
  return await dispatcher.callFromEdge(operation, { upload_id, size_bytes, sha256 }, call);
}

interface Stored {
  readonly upload_id: string;
  readonly key: string;
  readonly size_bytes: number;
  readonly sha256: string;
}

async function store(part: MultipartFile, { how, objects, dispatcher, call }: Taking): Promise<Stored> {
  const named = { file_name: part.filename ?? '', file_type: part.mimetype || 'application/octet-stream' };
  // Not under the client's key: who sends a file again must not write over what was looked at and acknowledged.
  const reserved = await dispatcher.callFromEdge(how.reserve, named, { ...call, key: randomUUID() });
  const { upload_id, key, limit_bytes } = reserved as { upload_id: string; key: string; limit_bytes: number };
  const hash = createHash('sha256');
  let size_bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size_bytes += chunk.length;
      stalled.refresh();
      if (size_bytes > limit_bytes) return done(tooLarge(how, limit_bytes));
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      clearTimeout(stalled);
      done();
    },
  });
  const stalled = setTimeout(() => {
    // Not if it is the store that takes nothing.
    if (counted.writableNeedDrain) stalled.refresh();
    else counted.destroy(TookTooLong());
  }, STALLED_MS).unref();
  pipeline(part.file, counted).catch(() => undefined); // also of what has ended while room was reserved; `put` says what is wrong
  try {
    await objects.put(key, counted);
  } finally {
    clearTimeout(stalled);
    counted.destroy();
  }
  return { upload_id, key, size_bytes, sha256: hash.digest('hex') };
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
  if (code === 'FST_MP_PREMATURE_CLOSE' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET') return BadRequest();
  return code?.startsWith('FST_') || (error instanceof Error && /multipart|boundary|end of form/i.test(error.message)) ? NotAForm() : error;
}
