import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { dispositionOf } from './disposition';
import { type ByteRange, checkKey, type LinkOptions, ObjectNotFound, type ObjectStore } from './object-store';

/** Nothing that began so long ago is still being written. */
const PARTIAL_MS = 24 * 3_600_000;

export interface FolderOptions {
  readonly folder: string;
  /** Signs links. */
  readonly secret: string;
  /** Where `mountObjectLinks` serves them. */
  readonly publicUrl: string;
}

/** What a link says, once its signature has been found good. */
export interface LinkedObject {
  readonly contentType: string;
  readonly disposition: string;
}

/** Objects in a folder, for one machine. Written beside it and renamed, so a file is there as a whole or not at all. */
export class FolderObjects implements ObjectStore {
  constructor(private readonly options: FolderOptions) {}

  async put(key: string, source: Readable): Promise<void> {
    const path = this.path(key);
    const partial = join(this.partials, randomUUID());
    try {
      await pipeline(source, createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true }));
      await rename(partial, path);
      await syncFolder(this.options.folder);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }

  async read(key: string, range?: ByteRange): Promise<Readable> {
    const file = await open(this.path(key)).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? new ObjectNotFound(key) : error;
    });
    return file.createReadStream(range ? { start: range.start, end: range.end } : {});
  }

  async find(key: string) {
    const found = await stat(this.path(key)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    return found?.isFile() ? { sizeBytes: found.size, modifiedAt: found.mtime.toISOString() } : undefined;
  }

  async remove(key: string): Promise<void> {
    await rm(this.path(key), { force: true });
  }

  async link(key: string, { expiresInSeconds, contentType, fileName, inline }: LinkOptions): Promise<string> {
    const expires = String(Math.floor(Date.now() / 1000) + expiresInSeconds);
    const said = { expires, type: contentType, disposition: dispositionOf(fileName, inline) };
    const query = new URLSearchParams({ ...said, signature: this.sign(checkKey(key), said) });
    return `${this.options.publicUrl}/objects/${key}?${query}`;
  }

  /** @returns undefined if the link was not made here, was changed, or is over */
  verify(key: string, query: Readonly<Record<string, unknown>>): LinkedObject | undefined {
    const { expires, type, disposition, signature } = query;
    if (![expires, type, disposition, signature].every((value) => typeof value === 'string')) return undefined;
    const said = { expires: expires as string, type: type as string, disposition: disposition as string };
    const [shown, right] = [Buffer.from(signature as string), Buffer.from(this.sign(key, said))];
    if (shown.length !== right.length || !timingSafeEqual(shown, right)) return undefined;
    return Number(said.expires) * 1000 > Date.now() ? { contentType: said.type, disposition: said.disposition } : undefined;
  }

  async prepare(): Promise<void> {
    await mkdir(this.partials, { recursive: true, mode: 0o700 });
    await sweepPartials(this.partials);
  }

  async close(): Promise<void> {}

  private get partials(): string {
    return join(this.options.folder, '.partial');
  }

  private path(key: string): string {
    return join(this.options.folder, checkKey(key));
  }

  private sign(key: string, { expires, type, disposition }: { expires: string; type: string; disposition: string }): string {
    return createHmac('sha256', this.options.secret)
      .update(JSON.stringify(['object', key, expires, type, disposition]))
      .digest('base64url');
  }
}

/** Files of a killed process, which will never be renamed. */
export async function sweepPartials(folder: string, called = /^/): Promise<void> {
  for (const name of (await readdir(folder).catch(() => [])).filter((one) => called.test(one))) {
    const found = await stat(join(folder, name)).catch(() => undefined); // another process was first
    if (found && Date.now() - found.mtimeMs > PARTIAL_MS) await rm(join(folder, name), { force: true });
  }
}

/** A rename is only lasting once its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
