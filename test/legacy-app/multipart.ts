/** A part of a form. */
export interface Part {
  readonly name: string;
  /** Undefined for a field that is no file. */
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  readonly content: Buffer;
}

/** @returns no parts if the body is no form; undefined if it is a broken one */
export function parseMultipart(contentType: string | undefined, body: Buffer): Part[] | undefined {
  if (!contentType?.toLowerCase().startsWith('multipart/form-data')) return [];
  const boundary = parameter(contentType, 'boundary');
  if (!boundary) return undefined;
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const text = Buffer.concat([Buffer.from('\r\n'), body]); // the first delimiter has no line end before it
  const parts: Part[] = [];
  for (let at = text.indexOf(delimiter); at >= 0;) {
    const begin = at + delimiter.length;
    if (text.toString('latin1', begin, begin + 2) === '--') return parts;
    const next = text.indexOf(delimiter, begin);
    const headersEnd = text.indexOf('\r\n\r\n', begin);
    if (next < 0 || headersEnd < 0 || headersEnd > next) return undefined;
    parts.push(readPart(text.toString('utf8', begin + 2, headersEnd), text.subarray(headersEnd + 4, next)));
    at = next;
  }
  return undefined; // without its end
}

function readPart(headers: string, content: Buffer): Part {
  const header = (name: string) => headers.split('\r\n').find((line) => line.toLowerCase().startsWith(`${name}:`));
  const disposition = header('content-disposition') ?? '';
  return {
    name: parameter(disposition, 'name') ?? '',
    filename: parameter(disposition, 'filename'),
    contentType: header('content-type')?.replace(/^[^:]*:\s*/, ''),
    content,
  };
}

/** `; name="value"` of a header; a backslash protects what is behind it. */
function parameter(header: string, name: string): string | undefined {
  const [, quoted, bare] = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, 'i').exec(header) ?? [];
  return quoted?.replace(/\\(["\\])/g, '$1') ?? bare;
}
