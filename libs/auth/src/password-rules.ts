import { COMMON_PASSWORDS } from './common-passwords';

/** What stands for a letter in passwords that want to look hard. */
const DISGUISES: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};
/** So much before and after a common word adds nothing: years, `123`, `!`. */
const TAIL = 4;
/** Rows of keys and of the alphabet; whoever walks along one has not chosen anything. */
const WALKS = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'qwertzuiop',
  'yxcvbnm',
  'azertyuiop',
  'qsdfghjklm',
];
/** Shorter parts of an address or a name occur in good passwords too. */
const TELLING = 5;

/**
 * Whether a password is one of those that are tried first (NIST SP 800-63B, section 5.1.1.2): common ones with their usual tails and
 * disguises, walks over the keyboard, one thing repeated, or what is known of the account.
 */
export function isTooCommon(password: string, { email, username }: { readonly email: string; readonly username: string }): boolean {
  const lower = password.toLowerCase();
  const known = [email, email.slice(0, email.lastIndexOf('@')), username].map((text) => text.toLowerCase());
  const forms = [lower, undisguised(lower), undisguised(core(lower))];
  return (
    forms.some((form) => COMMON_PASSWORDS.has(form) || COMMON_PASSWORDS.has(core(form))) ||
    known.some((text) => text.length >= TELLING && isWithTail(lower, text)) ||
    isRepeated(lower) ||
    isWalk(lower)
  );
}

const undisguised = (text: string): string => [...text].map((letter) => DISGUISES[letter] ?? letter).join('');

/** Without a short tail and head that are no letters; the whole where they are long. */
function core(text: string): string {
  const inner = text.replace(/^[^a-z]+|[^a-z]+$/g, '');
  return text.length - inner.length <= TAIL ? inner : text;
}

function isWithTail(text: string, word: string): boolean {
  return text.includes(word) && text.length - word.length <= TAIL;
}

/** `aaaaaaaa`, `abcabcabc`: a unit of up to four, again and again. */
function isRepeated(text: string): boolean {
  return /^(.{1,4}?)\1+(?:.{0,1})$/su.test(text) && text.length >= 6;
}

function isWalk(text: string): boolean {
  const backwards = [...text].reverse().join('');
  return WALKS.some((walk) => [text, backwards].some((way) => `${walk}${walk}`.includes(way) && way.length >= 6));
}
