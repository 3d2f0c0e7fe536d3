import { createHash, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { Answer } from './http';

/** From the first byte to before the last. */
type Range = readonly [start: number, end: number];

/**
 * A file with ranges, as Starlette's `FileResponse`: there is no 304 for a known ETag.
 *
 * @param headers of every answer with bytes; `content-type` among them
 * @returns undefined if there is no such file
 * @throws Error for a folder
 */
export async function fileAnswer(
  path: string,
  headers: Record<string, string>,
  { range, 'if-range': ifRange }: { range?: string | undefined; 'if-range'?: string | undefined },
): Promise<Answer | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return undefined;
  if (!found.isFile()) throw new Error('RuntimeError: File at path is not a file.');
  const etag = `"${createHash('md5')
    .update(`${found.mtimeMs / 1000}-${found.size}`)
    .digest('hex')}"`;
  const lastModified = found.mtime.toUTCString();
  const all = { ...headers, 'accept-ranges': 'bytes', 'last-modified': lastModified, etag };
  const bytes = await readFile(path);
  if (range === undefined || (ifRange !== undefined && ifRange !== etag && ifRange !== lastModified)) return new Answer(200, all, bytes);
  const ranges = parseRanges(range, bytes.length);
  if (ranges instanceof Answer) return ranges;
  return ranges.length === 1 ? oneRange(all, bytes, ranges[0]!) : manyRanges(all, bytes, ranges);
}

function parseRanges(header: string, size: number): Range[] | Answer {
  const [unit = '', ...rest] = header.split('=');
  if (rest.length === 0) return Answer.text('Malformed range header.', 400);
  if (unit.trim().toLowerCase() !== 'bytes') return Answer.text('Only support bytes range', 400);
  const ranges = [...rest.join('=').matchAll(/(\d*)-(\d*)/g)].map(([, first, last]): Range => {
    const end = first && last && Number(last) < size ? Number(last) + 1 : size;
    return [first ? Number(first) : size - Number(last), end];
  });
  if (ranges.length === 0) return Answer.text('Range header: range must be requested', 400);
  if (ranges.some(([start]) => !(start >= 0 && start < size))) return Answer.text('', 416, { 'content-range': `*/${size}` });
  if (ranges.some(([start, end]) => start > end)) return Answer.text('Range header: start must be less than end', 400);
  return ranges.length === 1 ? ranges : merged(ranges);
}

/** In order, those that overlap as one. */
function merged(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const [start, end] of ranges) {
    const at = result.findIndex(([, otherEnd]) => start <= otherEnd);
    const other = result[at];
    if (!other) result.push([start, end]);
    else if (end < other[0]) result.splice(at, 0, [start, end]);
    else result[at] = [Math.min(start, other[0]), Math.max(end, other[1])];
  }
  return result;
}

const contentRange = ([start, end]: Range, size: number) => `bytes ${start}-${end - 1}/${size}`;

function oneRange(headers: Record<string, string>, bytes: Buffer, range: Range): Answer {
  return new Answer(206, { ...headers, 'content-range': contentRange(range, bytes.length) }, bytes.subarray(...range));
}

function manyRanges({ 'content-type': type, ...headers }: Record<string, string>, bytes: Buffer, ranges: readonly Range[]): Answer {
  const boundary = randomBytes(13).toString('hex');
  const parts = ranges.flatMap((range) => [
    Buffer.from(`--${boundary}\nContent-Type: ${type}\nContent-Range: ${contentRange(range, bytes.length)}\n\n`),
    bytes.subarray(...range),
    Buffer.from('\n'),
  ]);
  const body = Buffer.concat([...parts, Buffer.from(`--${boundary}--\n`)]);
  return new Answer(206, { ...headers, 'content-type': `multipart/byteranges; boundary=${boundary}` }, body);
}
