import { reader } from './readers';

/** Texts that examples and tutorials ship: found in anybody's word list, so whoever signs with one signs for everybody. */
const placeholders =
  /change(me|this|it|in)|your(jwt|super|own|very)?(secret|key)|supersecret|secretkey|jwtsecret|replace(me|this|with)|placeholder|example|insecure|default|password|development/;

export const signingSecret = reader(
  'a random text of at least 32 characters that is no well-known default; `openssl rand -base64 48` makes one',
  (text) => {
    const isPlaceholder = placeholders.test(text.toLowerCase().replace(/[^a-z0-9]/g, ''));
    return text.length >= 32 && new Set(text).size >= 8 && !isPlaceholder ? text : undefined;
  },
);
