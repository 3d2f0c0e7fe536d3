/** RFC 6266: a name that every client can read, and the right one for those that know how. */
export function dispositionOf(fileName: string, inline: boolean): string {
  const last = fileName.split(/[/\\]/).at(-1) || 'file';
  const plain = last.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(last.toWellFormed()).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const kind = inline ? 'inline' : 'attachment';
  if (plain === last) return `${kind}; filename="${plain}"`;
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
