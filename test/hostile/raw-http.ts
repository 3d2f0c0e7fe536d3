import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface RawRequest {
  readonly method: string;
  /** As it goes over the wire; nothing is encoded or refused here. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A request byte for byte, which no client library would send, on a connection of its own. Status 0: closed without an answer. */
export function send(url: string, { method, path, headers = {}, body }: RawRequest): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const lengths: Record<string, string> = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries({ host: hostname, connection: 'close', ...lengths, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return exchange(Number(port), `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`);
}

/** Whatever bytes, and what came back until the server closed. */
export function exchange(port: number, bytes: string | Buffer): Promise<Answer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined); // a refusal may come before all was sent
    socket.on('close', () => resolve(parse(Buffer.concat(chunks).toString())));
  });
}

function parse(message: string): Answer {
  const end = message.indexOf('\r\n\r\n');
  const [first = '', ...lines] = message.slice(0, Math.max(0, end)).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const text = end < 0 ? '' : message.slice(end + 4);
  return { status: Number(first.split(' ')[1] ?? 0), headers, text: headers['transfer-encoding'] === 'chunked' ? unchunk(text) : text };
}

function unchunk(text: string): string {
  const parts: string[] = [];
  for (let rest = Buffer.from(text); rest.length > 0;) {
    const lineEnd = rest.indexOf('\r\n');
    const size = parseInt(rest.toString('latin1', 0, lineEnd), 16);
    if (!size) break;
    parts.push(rest.toString('utf8', lineEnd + 2, lineEnd + 2 + size));
    rest = rest.subarray(lineEnd + 2 + size + 2);
  }
  return parts.join('');
}
