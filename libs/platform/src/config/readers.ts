import { isIP } from 'node:net';
import { z } from 'zod';

/**
 * A schema from a text of the environment to a value. `read` gives undefined for a text it does not accept;
 * `should` completes the sentence "NAME should be …".
 */
export function reader<T>(should: string, read: (text: string) => T | undefined) {
  return z.string().transform((text, context): T => {
    const value = read(text.trim());
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: should, input: text });
    return z.NEVER;
  });
}

export const anyText = reader('a text', (text) => text || undefined);

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

export function wholeNumber(from: number, to: number) {
  return reader(`a whole number from ${from} to ${to}`, (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    return value >= from && value <= to ? value : undefined;
  });
}

export function oneOf<const T extends string>(...choices: readonly T[]) {
  return reader(`one of ${choices.join(', ')}`, (text) => choices.find((choice) => choice === text));
}

/** An address with one of `schemes` and a host. Given on as it was written, so that drivers see what the operator wrote. */
export function address(...schemes: readonly string[]) {
  return reader(`an address that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')} and names a host`, (text) => {
    const url = parseUrl(text);
    return url && url.host !== '' && schemes.includes(url.protocol.slice(0, -1)) ? text : undefined;
  });
}

/** `https://chat.example` of `https://chat.example/`; undefined where there is more than scheme, host and port. */
function readOrigin(text: string): string | undefined {
  const url = parseUrl(text);
  const isOrigin = url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.href === `${url.origin}/`;
  return isOrigin ? url.origin : undefined;
}

export const origin = reader('an origin such as https://chat.example, without a path', readOrigin);

/** What `text` lists, separated by commas or blanks, each read by `read`; undefined if one of them is wrong. */
export function readList<T>(text: string, read: (item: string) => T | undefined): T[] | undefined {
  const items = text.split(/[\s,]+/).filter((item) => item !== '');
  const values = items.map(read).filter((value) => value !== undefined);
  return values.length === items.length ? values : undefined;
}

export const origins = reader('a list of origins such as https://chat.example (`*` is not accepted), or `none`', (text) =>
  text === 'none' ? [] : readList(text, readOrigin),
);

/** An address, a range of them, or `loopback`. A range of everything would let any client choose the address it is seen with. */
function readProxy(text: string): string | undefined {
  if (text === 'loopback') return text;
  const [ip = '', prefix, ...more] = text.split('/');
  const bits = { 0: 0, 4: 32, 6: 128 }[isIP(ip)] ?? 0;
  if (bits === 0 || more.length > 0) return undefined;
  if (prefix === undefined) return text;
  const length = /^\d{1,3}$/.test(prefix) ? Number(prefix) : 0;
  return length >= 1 && length <= bits ? text : undefined;
}

export const proxies = reader('a list of addresses, ranges such as 10.0.0.0/8, or `loopback`, but not of everybody', (text) =>
  readList(text, readProxy),
);

/** Who a mail is from. */
export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

/** `Name <local@domain>`, the name perhaps in quotes; an address alone has its domain's name. Plain ASCII where it goes into an envelope. */
function readMailbox(text: string): Mailbox | undefined {
  const [, quoted, plain, inBrackets, bare] = /^(?:(?:"([^"<>\p{Cc}]+)"|([^"<>\p{Cc}]*?))\s*<([^<>\s]+)>|([^<>\s]+))$/u.exec(text) ?? [];
  const found = inBrackets ?? bare ?? '';
  if (found.length > 254 || !/^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(found)) return undefined;
  return { name: quoted || plain || found.split('@')[1]!, address: found };
}

export const mailbox = reader('a mailbox such as `Example Chat <noreply@chat.example>`', readMailbox);
