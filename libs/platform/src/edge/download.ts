import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { domainError, type Download, Unavailable } from '../contract';
import { dispositionOf } from '../objects/disposition';
import { FolderObjects } from '../objects/folder.objects';
import { type ByteRange, ObjectNotFound, type ObjectStore } from '../objects/object-store';
import { ReadThroughObjects } from '../objects/read-through.objects';
import { NotFound } from './answers';

const RangeNotSatisfiable = domainError('range_not_satisfiable', { status: 416, detail: 'The file has no such range' });
const LinkNotGood = domainError('link_not_good', { status: 403, detail: 'This link is not good any more' });

/**
 * What keeps a file from doing anything in a browser but being shown: its type is believed, it may run nothing, and pages of other
 * origins may show it (images and videos of the web client are).
 */
const HARMLESS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  'Cross-Origin-Resource-Policy': 'cross-origin',
};

/** An object as the answer: conditions and one range (RFC 9110, sections 13 and 14), never the whole of it in memory. */
export async function answerDownload(
  request: FastifyRequest,
  reply: FastifyReply,
  objects: ObjectStore,
  download: Download,
): Promise<FastifyReply> {
  const { key, size_bytes, content_type, etag, modified_at, file_name, inline, max_age_seconds } = download;
  return answerObject(request, reply, objects, {
    key,
    sizeBytes: size_bytes,
    contentType: content_type,
    etag,
    modified: new Date(modified_at).toUTCString(),
    disposition: dispositionOf(file_name, inline),
    caching: `public, max-age=${max_age_seconds}`,
  });
}

interface Answered {
  readonly key: string;
  readonly sizeBytes: number;
  readonly contentType: string;
  readonly etag: string;
  readonly modified: string;
  readonly disposition: string;
  /** Undefined: as long as whoever keeps it likes. */
  readonly caching?: string;
}

async function answerObject(
  request: FastifyRequest,
  reply: FastifyReply,
  objects: ObjectStore,
  { key, sizeBytes, contentType, etag, modified, disposition, caching }: Answered,
): Promise<FastifyReply> {
  const headers = {
    ...HARMLESS,
    ETag: etag,
    'Last-Modified': modified,
    ...(caching && { 'Cache-Control': caching }),
    'Accept-Ranges': 'bytes',
    'Content-Disposition': disposition,
  };
  if (isKnown(request, etag, modified)) return reply.headers(headers).code(304).send();
  const range = rangeOf(request, { etag, modified, sizeBytes });
  if (range === 'none') {
    reply.header('Content-Range', `bytes */${sizeBytes}`);
    throw RangeNotSatisfiable();
  }
  const bytes = sizeBytes === 0 ? Readable.from([]) : await readFrom(objects, key, range);
  reply.headers(headers); // not before: a refusal would be kept for as long as the file may be
  if (range) reply.code(206).header('Content-Range', `bytes ${range.start}-${range.end}/${sizeBytes}`);
  const length = range ? range.end - range.start + 1 : sizeBytes;
  return reply.header('Content-Type', contentType).header('Content-Length', length).send(bytes);
}

async function readFrom(objects: ObjectStore, key: string, range?: ByteRange): Promise<Readable> {
  try {
    return await objects.read(key, range);
  } catch (error) {
    throw error instanceof ObjectNotFound ? NotFound() : Object.assign(Unavailable(), { cause: error });
  }
}

function isKnown({ headers }: FastifyRequest, etag: string, modified: string): boolean {
  const known = headers['if-none-match'];
  if (known !== undefined) return known === '*' || known.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
  const since = headers['if-modified-since'];
  return since !== undefined && Date.parse(since) >= Date.parse(modified);
}

/** One range; several are answered with the whole, as a server may. `none`: there are no such bytes. */
function rangeOf(
  { headers }: Pick<FastifyRequest, 'headers'>,
  { etag, modified, sizeBytes }: { etag: string; modified: string; sizeBytes: number },
): ByteRange | 'none' | undefined {
  const condition = headers['if-range'];
  if (condition !== undefined && condition !== etag && condition !== modified) return undefined;
  const [, first, last] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(headers.range ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '')
    return Number(last) === 0 || sizeBytes === 0 ? 'none' : { start: Math.max(0, sizeBytes - Number(last)), end: sizeBytes - 1 };
  if (last !== '' && Number(last) < Number(first)) return undefined;
  if (Number(first) >= sizeBytes) return 'none';
  return { start: Number(first), end: last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1) };
}

/** Links to objects of a folder, which nobody else serves. */
export function mountObjectLinks(server: FastifyInstance, objects: ObjectStore): void {
  const folder = objects instanceof ReadThroughObjects ? objects.store : objects;
  if (!(folder instanceof FolderObjects)) return;
  server.get<{ Params: { key: string }; Querystring: Record<string, unknown> }>('/objects/:key', async (request, reply) => {
    const { key } = request.params;
    const linked = folder.verify(key, request.query);
    if (!linked) throw LinkNotGood();
    const found = await folder.find(key);
    if (!found) throw NotFound();
    return answerObject(request, reply, folder, {
      key,
      sizeBytes: found.sizeBytes,
      contentType: linked.contentType,
      etag: `"${found.sizeBytes.toString(16)}-${Date.parse(found.modifiedAt).toString(16)}"`,
      modified: new Date(found.modifiedAt).toUTCString(),
      disposition: linked.disposition,
    });
  });
}
