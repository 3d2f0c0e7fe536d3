import type { Random } from '../faults/random';
import type { RawRequest } from './raw-http';
import { jsonValues, urlValues } from './values';

/** As far as it says what a value may be. */
interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
}

/** An operation as an OpenAPI document describes it. */
export interface Described {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
}

export interface Asked extends RawRequest {
  readonly operationId: string;
}

/** Ids, names of files and whatever else answers have shown, by the name of the field: so that requests are about something that is there. */
export class Known {
  private readonly byName = new Map<string, string[]>();

  /** @param lasting what is there now, by the name of the field; whoever passes it may change it */
  constructor(private readonly lasting: Readonly<Record<string, readonly string[]>>) {}

  learn(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inside] of Object.entries(value)) {
      if (name === 'file_url') this.add('filename', String(inside).replace(/^.*\//, ''));
      else if (typeof inside === 'string' && inside.length <= 100 && /(^|_)(id|filename|token)$/.test(name)) this.add(name, inside);
      else this.learn(inside);
    }
  }

  of(name: string, random: Random): string | undefined {
    const lasting = this.lasting[name];
    if (lasting && random.chance(0.6)) return random.of(lasting);
    const found = this.byName.get(name) ?? this.byName.get('id') ?? [];
    return found.length > 0 ? random.of(found) : undefined;
  }

  private add(name: string, value: string): void {
    const values = this.byName.get(name) ?? [];
    this.byName.set(name, [...values.slice(-20), value]);
  }
}

/** Somebody who asks: his token, and what is his, by the name of the field. */
export interface Asker {
  readonly token: string;
  readonly own: Readonly<Record<string, string>>;
}

type Kind = 'valid' | 'broken' | 'hostile';

const LETTERS = [
  'a',
  'Z',
  '0',
  ' ',
  '-',
  '_',
  '.',
  '@',
  'ä',
  'ß',
  '漢',
  '👩',
  '"',
  "'",
  '<',
  '&',
  '%',
  '\\',
  '/',
  '{',
  '\n',
  '\u200d',
  '\u0301',
];
const FILES = [
  { name: 'a.txt', type: 'text/plain', content: 'hello' },
  { name: 'a.pdf', type: 'application/pdf', content: '%PDF-1.4\n%%EOF' },
  { name: 'a.gif', type: 'image/gif', content: 'GIF89a\u0001\u0000\u0001\u0000\u0000\u0000\u0000;' },
  { name: '../../a.txt', type: 'text/plain', content: 'x' },
  { name: 'a.svg', type: 'image/svg+xml', content: '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>' },
  { name: 'a.html', type: 'text/html', content: '<script>1</script>' },
  { name: 'a.png', type: 'image/png', content: '<html></html>' },
  { name: 'a.exe', type: 'application/octet-stream', content: 'MZ' },
  { name: 'a\u0000.txt', type: 'text/plain', content: 'x' },
  { name: `${'a'.repeat(300)}.txt`, type: 'text/plain', content: '' },
];

/** Requests to the operations of a document: most right, some wrong in a field, some such as nobody should send. */
export class Generator {
  private readonly operations: readonly { readonly method: string; readonly path: string; readonly described: Described }[];

  constructor(
    { paths }: Document,
    private readonly known: Known,
  ) {
    this.operations = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, described]) => ({ method: method.toUpperCase(), path, described })),
    );
  }

  get size(): number {
    return this.operations.length;
  }

  /** @param n which operation: in turn, so that none is left out */
  next(n: number, random: Random, askers: readonly Asker[]): Asked {
    const { token, own } = random.of(askers);
    const { method, path, described } = this.operations[n % this.operations.length]!;
    const { operationId, parameters = [], requestBody } = described;
    const kind = random.of<Kind>(['valid', 'valid', 'broken', 'hostile']);
    const query: string[] = [];
    const headers: Record<string, string> = {};
    let target = path;
    for (const { name, in: place, required, schema } of parameters) {
      if (place === 'header') {
        if (random.chance(0.3)) headers[name] = random.chance(0.8) ? `key-${random.of(['a', 'b', 'c'])}` : 'x'.repeat(300);
      } else if (place === 'path') {
        target = target.replace(`{${name}}`, this.inUrl(kind, name, schema, random, own));
      } else if (random.chance(required ? 0.95 : 0.5)) {
        query.push(`${name}=${this.inUrl(kind, name, schema, random, own)}`);
        if (kind === 'hostile' && random.chance(0.1)) query.push(`${name}=${this.inUrl(kind, name, schema, random, own)}`);
      }
    }
    if (random.chance(0.9)) headers.authorization = `Bearer ${token}`;
    const body = this.body(kind, requestBody, headers, random, own);
    return { operationId, method, path: query.length > 0 ? `${target}?${query.join('&')}` : target, headers, body };
  }

  private body(
    kind: Kind,
    about: Described['requestBody'],
    headers: Record<string, string>,
    random: Random,
    own: Asker['own'],
  ): string | undefined {
    const [type, content] = Object.entries(about?.content ?? {})[0] ?? [];
    if (!type || !content) {
      if (!random.chance(0.1)) return undefined;
      headers['content-type'] = 'application/json';
      return random.of(['', '{}', '[]', '{', 'null']);
    }
    if (type.startsWith('multipart/')) return form(kind, Object.keys(content.schema.properties ?? {}), headers, random);
    headers['content-type'] = kind === 'hostile' && random.chance(0.1) ? random.of(['text/plain', 'nonsense', 'application/xml']) : type;
    if (kind === 'hostile' && random.chance(0.1))
      return random.of(['', '[]', '{', 'null', '7', '"text"', '\ufeff{}', '{}{}', '{"a":1,"a":2}']);
    return this.json(kind, '', content.schema, random, own);
  }

  private inUrl(kind: Kind, name: string, schema: Schema, random: Random, own: Asker['own']): string {
    if (kind === 'hostile' && random.chance(0.6)) return random.of(Object.values(urlValues));
    const text = JSON.parse(this.json(kind === 'hostile' ? 'broken' : kind, name, schema, random, own)) as unknown;
    return encodeURIComponent(typeof text === 'string' ? text.toWellFormed() : JSON.stringify(text));
  }

  /** JSON as it goes over the wire, which is not always what a serialiser would write. */
  private json(kind: Kind, name: string, schema: Schema, random: Random, own: Asker['own']): string {
    if (schema.type === 'object' && schema.properties) {
      const fields = Object.entries(schema.properties).filter(([field]) =>
        random.chance(schema.required?.includes(field) ? (kind === 'valid' ? 1 : 0.9) : 0.5),
      );
      const members = fields.map(([field, inside]) => `${JSON.stringify(field)}:${this.json(kind, field, inside, random, own)}`);
      if (kind === 'hostile' && random.chance(0.2)) members.push('"__proto__":{"polluted":true}');
      return `{${members.join()}}`;
    }
    if (kind === 'hostile' && random.chance(0.4)) return random.of(Object.values(jsonValues));
    if (kind === 'broken' && random.chance(0.4)) return broken(schema, random);
    return this.valid(name, schema, random, own);
  }

  private valid(name: string, schema: Schema, random: Random, own: Asker['own']): string {
    const { type, format, minimum = -5, maximum = 100, minItems = 0, maxItems = 3 } = schema;
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.enum) return JSON.stringify(random.of(schema.enum));
    if (schema.anyOf) return this.json('valid', name, random.of(schema.anyOf), random, own);
    const mine = own[name];
    if (mine !== undefined && random.chance(0.4)) return JSON.stringify(mine);
    if (type === 'string') return JSON.stringify(this.text(name, format, schema, random));
    if (type === 'integer' || type === 'number') {
      const low = Math.max(minimum, -1_000_000);
      return String(low + Math.floor(random.next() * (Math.min(maximum, low + 100) - low + 1)));
    }
    if (type === 'boolean') return String(random.chance(0.5));
    if (type === 'array') {
      const length = minItems + Math.floor(random.next() * (Math.min(maxItems, minItems + 3) - minItems + 1));
      return `[${Array.from({ length }, () => this.json('valid', name, schema.items ?? {}, random, own)).join()}]`;
    }
    return random.of(['{}', '{"a":1}', '{"00000000-0000-4000-8000-000000000000":"key"}']);
  }

  private text(name: string, format: string | undefined, { minLength = 0, maxLength = 60 }: Schema, random: Random): string {
    const unknown = '00000000-0000-4000-8000-000000000000';
    if (format === 'uuid') return (random.chance(0.9) ? this.known.of(name, random) : undefined) ?? unknown;
    if (format === 'email') return `${Math.floor(random.next() * 1e9)}@example.com`;
    if (format === 'date-time') return '2026-01-30T12:57:45.421392Z';
    const seen = /(filename|token)$/.test(name) && random.chance(0.5) ? this.known.of(name, random) : undefined;
    if (seen) return seen;
    const length =
      random.chance(0.05) && maxLength <= 1_000 ? maxLength : minLength + Math.floor(random.next() * Math.min(maxLength - minLength, 30));
    return Array.from({ length }, () => random.of(LETTERS))
      .join('')
      .slice(0, maxLength)
      .toWellFormed();
  }
}

/** What the schema forbids, if it forbids anything. */
function broken({ type, minLength, maxLength, minimum, maximum }: Schema, random: Random): string {
  const ways = ['null', '{}', '[]', 'true', '1.5', '""', '"x"'];
  if (minLength) ways.push(JSON.stringify('x'.repeat(minLength - 1)));
  if (maxLength !== undefined && maxLength <= 100_000) ways.push(JSON.stringify('x'.repeat(maxLength + 1)));
  if (minimum !== undefined) ways.push(String(minimum - 1));
  if (maximum !== undefined) ways.push(String(maximum + 1));
  if (type === 'string') ways.push('7');
  return random.of(ways);
}

/** A form with a file, or with something that is not quite one. */
function form(kind: Kind, fields: readonly string[], headers: Record<string, string>, random: Random): string {
  const boundary = 'ffffffffff';
  const { name, type, content } = kind === 'valid' ? random.of(FILES.slice(0, 3)) : random.of(FILES);
  const field = kind === 'broken' && random.chance(0.3) ? 'other' : (fields[0] ?? 'file');
  headers['content-type'] = `multipart/form-data${kind === 'hostile' && random.chance(0.2) ? '' : `; boundary=${boundary}`}`;
  const part = `--${boundary}\r\nContent-Disposition: form-data; name="${field}"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`;
  const end = kind === 'hostile' && random.chance(0.3) ? '' : `--${boundary}--\r\n`;
  return `${part.repeat(kind === 'hostile' && random.chance(0.3) ? 2 : 1)}${end}`;
}
