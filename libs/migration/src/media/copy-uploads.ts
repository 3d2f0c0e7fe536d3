import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Database } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import type { ObjectStore } from '@banyan/platform/objects/object-store';

export interface CopyReport {
  copied: number;
  /** Copied before, and still as long as the file. */
  there: number;
  bytes: number;
  /** Ids of attachments whose file is gone. */
  readonly missing: string[];
  /** Names of files that are not as long as their row says; copied as they are. */
  readonly changed: string[];
}

/** As the monolith names its files. */
const NAME = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[A-Za-z0-9]{1,8}$/;

/**
 * Every file of the monolith's folder into the object store, rows or not: links to files without a row have always worked. Each is read
 * once, hashed on the way, and compared with what arrived. Can be stopped and run again: what is there, and of the same length, is left.
 */
export async function copyUploads(
  database: Database,
  store: ObjectStore,
  folder: string,
  onProgress: (progress: { done: number; of: number }) => void = () => undefined,
): Promise<CopyReport> {
  const rows = await database.query<{ id: string; name: string; file_size: number }>(sql`
    SELECT a.id, substring(a.file_url FROM '[^/]*$') AS name, a.file_size FROM banyan_media.media_attachments a
    WHERE NOT EXISTS (SELECT FROM banyan_media.media_objects o WHERE o.id = a.id)`);
  const names = new Set((await readdir(folder)).filter((name) => NAME.test(name)));
  const sizes = new Map(rows.map(({ name, file_size }) => [name, file_size]));
  const report: CopyReport = {
    copied: 0,
    there: 0,
    bytes: 0,
    missing: rows.filter(({ name }) => !names.has(name)).map(({ id }) => id),
    changed: [],
  };
  let done = 0;
  for (const name of names) {
    const { size } = await stat(join(folder, name));
    if ((await store.find(name))?.sizeBytes === size) report.there++;
    else {
      await copyOne(store, join(folder, name), name);
      report.copied++;
      report.bytes += size;
    }
    if (sizes.has(name) && sizes.get(name) !== size) report.changed.push(name);
    onProgress({ done: ++done, of: names.size });
  }
  return report;
}

/** @throws Error if what arrived is not what was read */
async function copyOne(store: ObjectStore, path: string, name: string): Promise<void> {
  const hash = createHash('sha256');
  const source = createReadStream(path);
  const bytes = new PassThrough();
  source.on('data', (chunk) => hash.update(chunk)).on('error', (error) => bytes.destroy(error));
  await store.put(name, source.pipe(bytes));
  const arrived = createHash('sha256');
  for await (const chunk of await store.read(name)) arrived.update(chunk as Buffer);
  if (arrived.digest('hex') !== hash.digest('hex')) {
    await store.remove(name);
    throw new Error(`${name} did not arrive as it was; run this again`);
  }
}
