import { fileTypeFromBuffer } from 'file-type';

export type Category = 'image' | 'video' | 'document';

/** By how much of a file its type is told. */
export const HEAD_BYTES = 4_100;

interface Kind {
  readonly category: Category;
  /** What a browser is told, where the bytes do not say it more exactly. */
  readonly type: string;
  /** Types that the first bytes may have (as `file-type` names them); undefined: none that anybody knows. */
  readonly bytes: RegExp | undefined;
}

const IMAGE = /^image\/(jpeg|png|apng|gif|webp|bmp)$/;
const VIDEO = /^video\//;
const ZIP = /^application\/(zip|vnd\.openxmlformats-officedocument\..*|vnd\.oasis\.opendocument\..*|epub\+zip)$/;

const image = (type: string): Kind => ({ category: 'image', type, bytes: IMAGE });
const video = (type: string): Kind => ({ category: 'video', type, bytes: VIDEO });
const document = (type: string, bytes?: RegExp): Kind => ({ category: 'document', type, bytes });

/** What may be uploaded, by the last extension of the name. */
const kinds: Readonly<Record<string, Kind>> = {
  '.jpg': image('image/jpeg'),
  '.jpeg': image('image/jpeg'),
  '.png': image('image/png'),
  '.gif': image('image/gif'),
  '.webp': image('image/webp'),
  '.bmp': image('image/bmp'),
  '.pdf': document('application/pdf', /^application\/pdf$/),
  '.doc': document('application/msword', /^application\/(x-cfb|rtf)$/),
  '.docx': document(
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    /^application\/(zip|vnd\.openxmlformats-officedocument\.wordprocessingml\.document)$/,
  ),
  '.txt': document('text/plain; charset=utf-8'),
  '.zip': document('application/zip', ZIP),
  '.rar': document('application/vnd.rar', /^application\/(x-rar-compressed|vnd\.rar)$/),
  '.mp4': video('video/mp4'),
  '.avi': video('video/x-msvideo'),
  '.mov': video('video/quicktime'),
  '.mkv': video('video/x-matroska'),
  '.webm': video('video/webm'),
};

/** With its dot, as it was written; empty if there is none. The one of a hidden file (`.png`) is its name, as legacy has it. */
export function extensionOf(fileName: string): string {
  const last = fileName.split('/').at(-1)!;
  const dot = last.lastIndexOf('.');
  return dot > 0 ? last.slice(dot) : '';
}

/** @returns undefined if it may not be uploaded */
export function categoryOf(fileName: string): Category | undefined {
  return kindOf(fileName)?.category;
}

const kindOf = (fileName: string): Kind | undefined => {
  const extension = extensionOf(fileName).toLowerCase();
  return Object.hasOwn(kinds, extension) ? kinds[extension] : undefined;
};

/**
 * The type that a file is served with: what its first bytes say, if that fits its name. An empty file has no bytes that could lie.
 *
 * @returns undefined if name and bytes disagree
 */
export async function servedType(fileName: string, head: Buffer): Promise<string | undefined> {
  const kind = kindOf(fileName);
  if (!kind) return undefined;
  if (head.length === 0) return kind.type;
  if (kind.bytes === undefined && isText(head)) return kind.type; // texts may begin like anything: `BM`, `MZ`
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  const mime: string | undefined = found?.mime;
  if (kind.bytes === undefined) return mime === undefined && !head.includes(0) ? kind.type : undefined;
  if (mime === undefined || !kind.bytes.test(mime)) return undefined;
  if (kind.category === 'image') return mime === 'image/apng' ? 'image/png' : mime;
  return kind.type;
}

/** A name as it was sent, but for signs that turn what follows around (`exe.` before `gpj`), or that a terminal obeys. */
export const withoutTricks = (fileName: string): string =>
  fileName.replace(/[\x01-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '_');

/** UTF-8 without control characters; its end may be cut. */
function isText(head: Buffer): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return !/[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text);
  } catch {
    return false;
  }
}

/** Shown by a browser as what it is; everything else is only for saving. Bitmaps and the five image types run nothing. */
export const isInline = (servedAs: string): boolean => /^(image\/(jpeg|png|gif|webp|bmp)|video\/)/.test(servedAs);
