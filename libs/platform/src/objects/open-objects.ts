import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Settings } from '../config/table';
import { FolderObjects } from './folder.objects';
import type { Logger } from '../telemetry/log';
import { type ObjectStore, ObjectStoreUnavailable } from './object-store';
import { ReadThroughObjects } from './read-through.objects';
import { S3Objects } from './s3.objects';

/** The object store of the settings; not prepared yet. */
export function openObjects(settings: Settings, secret: string): ObjectStore {
  const { LEGACY_UPLOADS_DIR } = settings;
  const store = ownObjects(settings, secret);
  return LEGACY_UPLOADS_DIR === undefined ? store : new ReadThroughObjects(store, LEGACY_UPLOADS_DIR);
}

const AGAIN_MS = 5_000;

/** A store that is away does not keep a host from starting: what needs no files goes on. @throws StartupError if it is the settings */
export async function prepareObjects(objects: ObjectStore, log: Logger): Promise<void> {
  try {
    await objects.prepare();
  } catch (error) {
    if (!(error instanceof ObjectStoreUnavailable)) throw error;
    log.error({ err: error }, 'the object store does not answer; uploads and downloads fail until it does');
    const again = () =>
      prepareObjects(objects, log).catch((fault: unknown) => log.error({ err: fault }, 'the object store cannot be used'));
    setTimeout(() => void again(), AGAIN_MS).unref();
  }
}

function ownObjects(settings: Settings, secret: string): ObjectStore {
  const { DATA_DIR, PUBLIC_URL, S3_ACCESS_KEY, S3_BUCKET, S3_ENDPOINT, S3_PUBLIC_ENDPOINT, S3_REGION, S3_SECRET_KEY } = settings;
  if (S3_ENDPOINT === undefined) {
    const ofLinks = createHash('sha256').update(`links to objects ${secret}`).digest('base64url');
    return new FolderObjects({ folder: join(DATA_DIR, 'objects'), secret: ofLinks, publicUrl: PUBLIC_URL });
  }
  return new S3Objects({
    endpoint: S3_ENDPOINT,
    publicEndpoint: S3_PUBLIC_ENDPOINT,
    region: S3_REGION,
    bucket: S3_BUCKET,
    accessKey: S3_ACCESS_KEY!,
    secretKey: S3_SECRET_KEY!,
  });
}
