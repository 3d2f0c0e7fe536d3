const LONGEST = 60;

/**
 * A name that somebody chose for himself, as it may stand in a mail to somebody else: one short line without invisible or
 * direction-changing characters, and with nothing in it that a mail program would turn into a link. Otherwise an invitation is a way to send
 * advertisements to strangers in this server's name.
 */
export function plainName(name: string): string {
  const visible = name
    .toWellFormed()
    .replace(/[\p{Cf}\p{Co}\p{Cn}]/gu, '')
    .replace(/[\p{Cc}\p{Z}]+/gu, ' ')
    .replace(/:\/\//g, ': ')
    .replace(/\.(?=[\p{L}\p{N}]{2})/gu, '. ')
    .trim();
  const short = [...visible];
  return (short.length > LONGEST ? `${short.slice(0, LONGEST).join('').trimEnd()}…` : visible) || 'Somebody';
}
