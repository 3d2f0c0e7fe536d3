import { connect, type Socket } from 'node:net';

/** An answer as it came: nothing is interpreted but where its head ends. */
export interface RawAnswer {
  readonly statusLine: string;
  /** `Name: value`, as spelled and in order. */
  readonly headers: readonly string[];
  /** Without the framing of chunks. */
  readonly body: Buffer;
  /** Whether the connection ended before the answer did. */
  readonly isCut: boolean;
}

export async function connectTo(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
}

/** Sends these bytes on a connection of their own and reads until it ends; they should ask for `Connection: close`. */
export async function exchange(url: string, request: string | Buffer): Promise<RawAnswer> {
  const socket = await connectTo(url);
  socket.write(typeof request === 'string' ? Buffer.from(request, 'latin1') : request);
  return parseAnswer(await untilEnd(socket));
}

export function untilEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).once('close', () => resolve(Buffer.concat(chunks)));
  });
}

export function parseAnswer(bytes: Buffer): RawAnswer {
  let start = 0;
  let end = bytes.indexOf('\r\n\r\n');
  // An interim answer is followed by the answer.
  while (/^HTTP\/1\.1 1\d\d(?!1)/.test(bytes.toString('latin1', start, start + 12))) {
    start = end + 4;
    end = bytes.indexOf('\r\n\r\n', start);
  }
  if (end < 0) return { statusLine: '', headers: [], body: Buffer.alloc(0), isCut: true };
  const [statusLine = '', ...headers] = bytes.toString('latin1', start, end).split('\r\n');
  const rest = bytes.subarray(end + 4);
  const isChunked = headers.some((header) => /^transfer-encoding:.*chunked/i.test(header));
  const length = Number(headers.find((header) => /^content-length:/i.test(header))?.split(':')[1] ?? rest.length);
  const { body, isWhole } = isChunked ? dechunked(rest) : { body: rest, isWhole: rest.length >= length || rest.length === 0 };
  return { statusLine, headers, body, isCut: !isWhole };
}

function dechunked(bytes: Buffer): { body: Buffer; isWhole: boolean } {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = lineEnd < 0 ? NaN : parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(size)) return { body: Buffer.concat(parts), isWhole: false };
    if (size === 0) return { body: Buffer.concat(parts), isWhole: true };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
