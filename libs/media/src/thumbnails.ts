import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Turns } from '@banyan/platform/dispatch/turns';
import sharp from 'sharp';

/** The longer side of a thumbnail. What is not larger needs none. */
export const THUMBNAIL_PIXELS = 320;
/** Of an image: more would take a reader's browser down (50 million are 200 MB of memory). */
export const PIXEL_LIMIT = 50_000_000;
/** At once, of the four that libuv works at. */
const THUMBNAILS_AT_ONCE = 2;
const LOOKS_AT_ONCE = 2;

sharp.cache(false);
sharp.concurrency(1);
const thumbnails = new Turns(THUMBNAILS_AT_ONCE);
/** An upload waits for it, so it waits behind no thumbnail. */
const looks = new Turns(LOOKS_AT_ONCE);

type Open = () => Promise<Readable>;

/**
 * How many pixels the header of an image claims. Read by hand where they have a place of their own: of what a reader here cannot make
 * anything, a browser may still make an image.
 *
 * @param head the beginning of the file
 * @returns undefined if that cannot be told
 */
export async function pixelsOf(head: Buffer): Promise<number | undefined> {
  const place = places.find(({ starts, least }) => head.length >= least && starts.test(head.toString('latin1', 0, 16)));
  if (place) return place.pixels(head);
  try {
    const { width, height } = await looks.take(() => sharp(head, { failOn: 'none', limitInputPixels: false }).metadata());
    return width && height ? width * height : undefined;
  } catch {
    return undefined;
  }
}

interface Place {
  readonly starts: RegExp;
  readonly least: number;
  pixels(head: Buffer): number;
}

const places: readonly Place[] = [
  { starts: /^\x89PNG/, least: 24, pixels: (head) => head.readUInt32BE(16) * head.readUInt32BE(20) },
  { starts: /^GIF8/, least: 10, pixels: (head) => head.readUInt16LE(6) * head.readUInt16LE(8) },
  { starts: /^RIFF[^]{4}WEBPVP8X/, least: 30, pixels: (head) => (head.readUIntLE(24, 3) + 1) * (head.readUIntLE(27, 3) + 1) },
  { starts: /^RIFF[^]{4}WEBPVP8 /, least: 30, pixels: (head) => (head.readUInt16LE(26) & 0x3fff) * (head.readUInt16LE(28) & 0x3fff) },
  {
    starts: /^RIFF[^]{4}WEBPVP8L/,
    least: 25,
    pixels: (head) => ((head.readUInt32LE(21) & 0x3fff) + 1) * (((head.readUInt32LE(21) >>> 14) & 0x3fff) + 1),
  },
  {
    starts: /^BM/,
    least: 26,
    pixels: (head) =>
      head.readUInt32LE(14) === 12 // OS/2's header has two bytes for each side
        ? head.readUInt16LE(18) * head.readUInt16LE(20)
        : Math.abs(head.readInt32LE(18) * head.readInt32LE(22)),
  },
];

/** The same of the whole of an image, whose header may be anywhere in it. */
export function pixelsOfAll(open: Open): Promise<number | undefined> {
  return inFile(looks, open, async (path) => {
    const { width, height } = await sharp(path, { failOn: 'none', limitInputPixels: false }).metadata();
    return width && height ? width * height : undefined;
  });
}

export const hasThumbnail = (servedType: string | null): boolean => /^image\/(jpeg|png|gif|webp)$/.test(servedType ?? '');

/** As unguessable as the file's, and made of it: a repeat writes over it instead of beside it, and whoever erases needs not be told. */
export const thumbnailNameOf = (name: string): string => `${name.slice(0, 36)}.thumbnail.webp`;

/** As WebP, turned as the camera was held, without anything else that the camera wrote. @returns undefined for a small or broken image */
export function thumbnailOf(open: Open): Promise<Buffer | undefined> {
  return inFile(thumbnails, open, async (path) => {
    const { width = 0, height = 0 } = await sharp(path, { limitInputPixels: PIXEL_LIMIT }).metadata();
    if (width <= THUMBNAIL_PIXELS && height <= THUMBNAIL_PIXELS) return undefined;
    return sharp(path, { limitInputPixels: PIXEL_LIMIT, sequentialRead: true })
      .timeout({ seconds: 20 })
      .rotate()
      .resize({ width: THUMBNAIL_PIXELS, height: THUMBNAIL_PIXELS, fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 75 })
      .toBuffer();
  });
}

/** sharp keeps in memory what it reads from a stream. @returns undefined for an image that it cannot read; it is still a file */
function inFile<T>(turns: Turns, open: Open, work: (path: string) => Promise<T | undefined>): Promise<T | undefined> {
  return turns.take(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'banyan-image-'));
    const path = join(folder, 'image');
    try {
      await pipeline(await open(), createWriteStream(path, { mode: 0o600 }));
      return await work(path).catch(() => undefined);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
