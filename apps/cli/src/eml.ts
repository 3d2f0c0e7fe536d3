/** What a person wants to see of a mail file. */
export interface ReadableMail {
  readonly to: string;
  readonly subject: string;
  readonly date: string;
  readonly text: string;
}

/** Reads what `notification` writes: not every mail of the world, but whatever nodemailer makes of a text and its HTML form. */
export function readMail(raw: string): ReadableMail {
  const [head, body] = divided(raw);
  const headers = headersOf(head);
  const [, boundary] = /boundary="?([^";]+)"?/i.exec(headers.get('content-type') ?? '') ?? [];
  const parts = boundary === undefined ? [raw] : body.split(`--${boundary}`).map((part) => part.replace(/^\r?\n/, ''));
  const texts = parts.map(divided).filter(([partHead]) => /^content-type: text\/plain/im.test(partHead));
  const [partHead, partBody] = texts[0] ?? ['', ''];
  return {
    to: /<([^<>]+)>\s*$/.exec(headers.get('to') ?? '')?.[1] ?? headers.get('to') ?? '',
    subject: decodedWords(headers.get('subject') ?? ''),
    date: headers.get('date') ?? '',
    text: decoded(partBody, headersOf(partHead).get('content-transfer-encoding') ?? '').trimEnd(),
  };
}

function divided(raw: string): [head: string, body: string] {
  const [, head = raw, body = ''] = /^([^]*?)\r?\n\r?\n([^]*)$/.exec(raw) ?? [];
  return [head, body];
}

function headersOf(head: string): Map<string, string> {
  const lines = head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/);
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
}

function decoded(body: string, encoding: string): string {
  if (/^base64$/i.test(encoding)) return Buffer.from(body, 'base64').toString();
  return /^quoted-printable$/i.test(encoding) ? fromHex(body.replace(/=\r?\n/g, '')) : body;
}

/** RFC 2047. */
function decodedWords(text: string): string {
  return text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([qb])\?([^?]*)\?=/gi, (_word, how: string, word: string) =>
      how.toLowerCase() === 'b'
        ? `=${Buffer.from(word, 'base64').toString('hex').replace(/../g, '$&=').slice(0, -1)}`
        : word.replaceAll('_', ' '),
    )
    .replace(/(?:=[0-9a-f]{2})+/gi, fromHex);
}

const fromHex = (text: string): string =>
  text.replace(/(?:=[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('=', ''), 'hex').toString());
