import type { Readable } from 'node:stream';

/** From the first byte to the last one, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface LinkOptions {
  readonly expiresInSeconds: number;
  readonly contentType: string;
  /** Under which it is saved. */
  readonly fileName: string;
  /** Shown by a browser, instead of saved. */
  readonly inline: boolean;
}

/**
 * Files by key. A key is made by the program, never by a client: letters, digits, `.`, `-` and `_`. Every implementation passes the same
 * suite (`object-store.spec.ts`).
 */
export interface ObjectStore {
  /**
   * All of `source` under `key`, streamed; never the whole of it in memory. Nothing is there until everything is, and nothing if the
   * source fails. What was there before is replaced.
   *
   * @throws what the source throws; ObjectStoreUnavailable
   */
  put(key: string, source: Readable, options?: { readonly contentType?: string }): Promise<void>;
  /** @throws ObjectNotFound, ObjectStoreUnavailable */
  read(key: string, range?: ByteRange): Promise<Readable>;
  /** @returns undefined if there is none. @throws ObjectStoreUnavailable */
  find(key: string): Promise<{ readonly sizeBytes: number; readonly modifiedAt: string } | undefined>;
  /** Also if there is none. */
  remove(key: string): Promise<void>;
  /** An address that needs no token and is good for so long; not whether there is such an object. */
  link(key: string, options: LinkOptions): Promise<string>;
  /** Once, at start: what has to be there before the first object. @throws StartupError, ObjectStoreUnavailable if it is to be tried again */
  prepare(): Promise<void>;
  close(): Promise<void>;
}

export class ObjectNotFound extends Error {
  constructor(key: string) {
    super(`there is no object ${key}`);
    this.name = 'ObjectNotFound';
  }
}

/** Nothing was stored or removed as far as anybody can see; or it was. */
export class ObjectStoreUnavailable extends Error {
  constructor(cause: unknown) {
    super('the object store does not answer', { cause });
    this.name = 'ObjectStoreUnavailable';
  }
}

/** @throws Error for a key that would be something else in a folder or an address */
export function checkKey(key: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(key)) throw new Error(`${JSON.stringify(key)} is no key of an object`);
  return key;
}
