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

/** Files; most are small, and the store is far. */
const AT_ONCE = 8;

interface Row {
  readonly id: string;
  readonly name: string;
  readonly file_size: number;
  /** Uploaded here, or copied before. */
  readonly is_known: boolean;
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
  const rows = await database.query<Row>(sql`
    SELECT a.id, coalesce(o.name, substring(a.file_url FROM '[^/]*$')) AS name, a.file_size, o.id IS NOT NULL AS is_known
    FROM banyan_media.media_attachments a LEFT JOIN banyan_media.media_objects o ON o.id = a.id`);
  const found = await readdir(folder, { withFileTypes: true });
  const names = new Set(found.filter((entry) => entry.isFile() && NAME.test(entry.name)).map(({ name }) => name));
  const rowsByName = new Map(rows.map((row) => [row.name, row]));
  const report: CopyReport = {
    copied: 0,
    there: 0,
    bytes: 0,
    missing: rows.filter(({ name, is_known }) => !is_known && !names.has(name)).map(({ id }) => id),
    changed: [],
  };
  let done = 0;
  const queue = names.values();
  const copyOfQueue = async () => {
    for (const name of queue) await copyIfNeeded(name);
  };
  const copyIfNeeded = async (name: string) => {
    const size = await sizeOf(join(folder, name));
    if (size !== undefined) await copyUnlessThere(name, size);
    onProgress({ done: ++done, of: names.size });
  };
  const copyUnlessThere = async (name: string, size: number) => {
    const row = rowsByName.get(name);
    // With its row behind it, the object is whole and its hash is known; without one it was put there as a whole, or not at all.
    if ((await store.find(name))?.sizeBytes === size && (!row || row.is_known)) report.there++;
    else {
      const sha256 = await copyOne(store, join(folder, name), name);
      if (row && !row.is_known) await note(database, row.id, { name, size, sha256 });
      report.copied++;
      report.bytes += size;
    }
    if (row && row.file_size !== size) report.changed.push(name);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, copyOfQueue));
  return report;
}

/** @returns undefined if the monolith has deleted it since the folder was read */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return found?.size;
}

/** From now on it is one of ours, but for an uploader: whose it is, its message says. Nobody else's file ever expires. */
async function note(database: Database, id: string, file: { name: string; size: number; sha256: string }): Promise<void> {
  await database.query(sql`
    INSERT INTO banyan_media.media_objects
      (id, name, state, file_name, file_type, size_bytes, sha256, message_id, is_listed, created_at)
    SELECT id, ${file.name}, 'stored', file_name, file_type, ${file.size}, ${file.sha256}, message_id, true, created_at
    FROM banyan_media.media_attachments WHERE id = ${id}
    ON CONFLICT DO NOTHING RETURNING id`);
}

/** @returns its SHA-256. @throws Error if what arrived is not what was read */
async function copyOne(store: ObjectStore, path: string, name: string): Promise<string> {
  const hash = createHash('sha256');
  const source = createReadStream(path);
  const bytes = new PassThrough();
  source.on('data', (chunk) => hash.update(chunk)).on('error', (error) => bytes.destroy(error));
  await store.put(name, source.pipe(bytes));
  const arrived = createHash('sha256');
  for await (const chunk of await store.read(name)) arrived.update(chunk as Buffer);
  const sha256 = hash.digest('hex');
  if (arrived.digest('hex') !== sha256) {
    await store.remove(name);
    throw new Error(`${name} did not arrive as it was; run this again`);
  }
  return sha256;
}
