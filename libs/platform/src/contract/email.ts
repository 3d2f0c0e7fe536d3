import { domainToASCII, domainToUnicode } from 'node:url';
import { z } from 'zod';

/** Names that never reach anybody (RFC 6761, 6762, 7686). `example` is not among them: programs should not treat it as special. */
const RESERVED = /(^|\.)(arpa|invalid|local|localhost|onion|test)$/;
/** RFC 5322's atoms and, of the rest of Unicode (RFC 6532), what can be seen. */
const ATOM = "(?:[a-zA-Z0-9!#$%&'*+\\-/=?^_`{|}~]|(?![\\0-\\x7f])[\\p{L}\\p{N}\\p{M}\\p{P}\\p{S}])+";
const LOCAL_PART = new RegExp(`^(?!\\p{M})${ATOM}(\\.${ATOM})*$`, 'u');
/** Checked before a URL parser sees it, which would take `%41` for an `a`. */
const DOMAIN = /^(?:[a-zA-Z0-9.-]|[^\0-\x7f])+$/;
/** Two letters and two dashes are for `xn--` only (RFC 5890). */
const LABEL = /^(?!-)(?!(?!xn)..--)[a-z0-9-]{1,63}(?<!-)$/;

/** No address that fits into 254 bytes was longer than this before it was composed. */
const TYPED_LIMIT = 1_000;

/**
 * The form in which addresses are kept and compared, which is legacy's: NFC, the part before the `@` as typed, the domain lowered and
 * in Unicode. Undefined if it is no address that mail could reach.
 */
export function normaliseEmail(text: string): string | undefined {
  const typed = text.trim();
  // First of all: composing and Punycode take time with the square of the length, minutes for what one request can carry.
  if (typed.length > TYPED_LIMIT) return undefined;
  const address = typed.normalize('NFC');
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  if (at < 1 || [...local].length > 64 || !LOCAL_PART.test(local) || !DOMAIN.test(address.slice(at + 1))) return undefined;
  const domain = domainToASCII(address.slice(at + 1));
  const labels = domain.split('.');
  // Every top-level domain ends with a letter; what does not is an address of IPv4 at best.
  if (labels.length < 2 || !labels.every((label) => LABEL.test(label)) || !/[a-z]$/.test(domain) || RESERVED.test(domain)) return undefined;
  const normal = `${local}@${domainToUnicode(domain)}`;
  return Buffer.byteLength(normal) > 254 ? undefined : normal;
}

/** An address that mail could reach, in its normal form. */
export const Email = z
  .string()
  .overwrite((text) => normaliseEmail(text) ?? text)
  .refine((text) => normaliseEmail(text) !== undefined, { message: 'not a valid e-mail address' })
  .meta({ format: 'email', maxLength: 254 });
