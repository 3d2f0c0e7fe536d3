import { domainToASCII } from 'node:url';
import { z } from 'zod';

/** Names that never reach anybody (RFC 2606, 6761, 6762 …); `example.com` and its like are not among them. */
const RESERVED = /(^|\.)(test|local|localhost|invalid|example|onion|arpa|home\.arpa|localdomain)$/;
const LOCAL_PART = /^[\p{L}\p{N}\p{M}!#$%&'*+\-/=?^_`{|}~]+(\.[\p{L}\p{N}\p{M}!#$%&'*+\-/=?^_`{|}~]+)*$/u;
const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/** The form in which addresses are kept and compared: NFC, the domain lowered, the part before the `@` as typed. Undefined if it is none. */
export function normaliseEmail(text: string): string | undefined {
  const address = text.trim().normalize('NFC');
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  const domain = address.slice(at + 1).toLowerCase();
  if (at < 1 || Buffer.byteLength(local) > 64 || address.length > 254 || !LOCAL_PART.test(local)) return undefined;
  const labels = domainToASCII(domain).split('.');
  if (labels.length < 2 || !labels.every((label) => LABEL.test(label)) || /^\d+$/.test(labels.at(-1)!)) return undefined;
  return RESERVED.test(domain) ? undefined : `${local}@${domain}`;
}

/** An address that mail could reach, in its normal form. */
export const Email = z
  .string()
  .overwrite((text) => normaliseEmail(text) ?? text)
  .refine((text) => normaliseEmail(text) !== undefined, { message: 'not a valid e-mail address' })
  .meta({ format: 'email', maxLength: 254 });
