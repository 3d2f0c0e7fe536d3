import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type ByteRange, checkKey, type LinkOptions, ObjectNotFound, type ObjectStore } from './object-store';

/**
 * A store behind which there is a folder of somebody else: what the store lacks is read from there. What is removed is removed in both.
 * `mirror` puts a file of the store into the folder too, for as long as its owner may have to serve it again.
 */
export class ReadThroughObjects implements ObjectStore {
  constructor(
    readonly store: ObjectStore,
    private readonly folder: string,
  ) {}

  put(key: string, source: Readable, options?: { readonly contentType?: string }): Promise<void> {
    return this.store.put(key, source, options);
  }

  async read(key: string, range?: ByteRange): Promise<Readable> {
    try {
      return await this.store.read(key, range);
    } catch (error) {
      if (!(error instanceof ObjectNotFound) || !(await this.inFolder(key))) throw error;
      return createReadStream(this.path(key), range ? { start: range.start, end: range.end } : {});
    }
  }

  async find(key: string) {
    return (await this.store.find(key)) ?? this.inFolder(key);
  }

  async remove(key: string): Promise<void> {
    await this.store.remove(key);
    await rm(this.path(key), { force: true });
  }

  /** What only the folder has is taken over first: a link leads to the store. */
  async link(key: string, options: LinkOptions): Promise<string> {
    if (!(await this.isOwn(key)) && (await this.inFolder(key))) await this.store.put(key, createReadStream(this.path(key)));
    return this.store.link(key, options);
  }

  prepare(): Promise<void> {
    return this.store.prepare();
  }

  close(): Promise<void> {
    return this.store.close();
  }

  /** Whether the store itself has it. */
  async isOwn(key: string): Promise<boolean> {
    return (await this.store.find(key)) !== undefined;
  }

  /** A name that begins with a dot is none that the folder's owner makes, nor one that he serves by accident. */
  async mirror(key: string): Promise<void> {
    const partial = join(this.folder, `.${checkKey(key)}`);
    try {
      await pipeline(await this.store.read(key), createWriteStream(partial, { flush: true }));
      await rename(partial, this.path(key));
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }

  private async inFolder(key: string) {
    const found = await stat(this.path(key)).catch(() => undefined);
    return found?.isFile() ? { sizeBytes: found.size, modifiedAt: found.mtime.toISOString() } : undefined;
  }

  private path(key: string): string {
    return join(this.folder, checkKey(key));
  }
}
