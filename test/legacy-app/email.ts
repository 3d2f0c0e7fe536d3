import { domainToASCII, domainToUnicode } from 'node:url';

/** Why a text is no e-mail address, in the words of the library that legacy asks. */
export class NoEmail extends Error {}

/** `Alice <alice@example.com>` is taken for the address inside. */
const WITH_NAME = /^\s*(?:"[^"]*"|[\w!#$%&'*+\-/=?^_`{|}~ ]*?)?\s*<(.+)>\s*$/;
const ATOM = /^(?:[a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~]|[^\0-\x9f\s])+$/u;
const RESERVED = /(^|\.)(arpa|invalid|local|localhost|onion|test)$/;

/**
 * The form that legacy keeps: NFC, the part before the `@` as typed, the domain lowered and in Unicode.
 *
 * @throws NoEmail
 */
export function normaliseEmail(text: string): string {
  if (text.length > 2048) throw new NoEmail('Length must not exceed 2048 characters');
  const address = (WITH_NAME.exec(text)?.[1] ?? text).trim();
  const [typed = '', domain, ...more] = address.split('@');
  if (domain === undefined) throw new NoEmail('An email address must have an @-sign.');
  if (more.length > 0) throw new NoEmail("The part after the @-sign contains invalid characters: '@'.");
  const local = localPart(typed.normalize('NFC'));
  const normal = `${local}@${domainPart(domain)}`;
  if (Buffer.byteLength(normal) > 254) throw new NoEmail('The email address is too long.');
  return normal;
}

function localPart(local: string): string {
  if (local === '') throw new NoEmail('There must be something before the @-sign.');
  if (local.startsWith('.')) throw new NoEmail('An email address cannot start with a period.');
  if (local.endsWith('.')) throw new NoEmail('An email address cannot have a period immediately before the @-sign.');
  if (local.includes('..')) throw new NoEmail('An email address cannot have two periods in a row.');
  if (!local.split('.').every((atom) => ATOM.test(atom))) {
    throw new NoEmail('The email address contains invalid characters before the @-sign.');
  }
  if ([...local].length > 64) throw new NoEmail('The email address is too long before the @-sign.');
  return local;
}

function domainPart(typed: string): string {
  if (typed === '') throw new NoEmail('There must be something after the @-sign.');
  const domain = /^(?:[a-zA-Z0-9.-]|[^\0-\x9f\s])+$/u.test(typed) ? domainToASCII(typed.normalize('NFC')) : '';
  const labels = domain.split('.');
  if (!labels.every((label) => /^(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(label))) {
    throw new NoEmail('The part after the @-sign contains invalid characters.');
  }
  if (RESERVED.test(domain))
    throw new NoEmail('The part after the @-sign is a special-use or reserved name that cannot be used with email.');
  if (labels.length < 2) throw new NoEmail('The part after the @-sign is not valid. It should have a period.');
  if (!/[a-z]$/.test(domain)) throw new NoEmail('The part after the @-sign is not valid. It is not within a valid top-level domain.');
  return domainToUnicode(domain);
}
