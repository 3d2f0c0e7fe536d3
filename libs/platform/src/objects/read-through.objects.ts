import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { sweepPartials } from './folder.objects';
import { type ByteRange, checkKey, type LinkOptions, ObjectNotFound, type ObjectStore } from './object-store';

/** What `mirror` left unfinished, whose process was killed. */
const PARTIAL = /^\.[A-Za-z0-9][A-Za-z0-9._-]*\.[0-9a-f-]{36}\.partial$/;

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

  async prepare(): Promise<void> {
    await this.store.prepare();
    await sweepPartials(this.folder, PARTIAL);
  }

  close(): Promise<void> {
    return this.store.close();
  }

  /** Whether the store itself has it. */
  async isOwn(key: string): Promise<boolean> {
    return (await this.store.find(key)) !== undefined;
  }

  /**
   * Whole or not at all, whoever else does the same at this moment. A name that begins with a dot is none that the folder's owner makes, nor
   * one that he serves by accident.
   */
  async mirror(key: string): Promise<void> {
    const [there, own] = await Promise.all([this.inFolder(key), this.store.find(key)]);
    if (there && there.sizeBytes === own?.sizeBytes) return;
    const partial = join(this.folder, `.${checkKey(key)}.${randomUUID()}.partial`);
    try {
      await pipeline(await this.store.read(key), createWriteStream(partial, { flush: true }));
      await rename(partial, this.path(key));
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }

  /** A link could lead to any file of this machine, and is none that the folder's owner makes. */
  private async inFolder(key: string) {
    const found = await lstat(this.path(key)).catch(() => undefined); // what cannot be seen is not there
    return found?.isFile() ? { sizeBytes: found.size, modifiedAt: found.mtime.toISOString() } : undefined;
  }

  private path(key: string): string {
    return join(this.folder, checkKey(key));
  }
}
