import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutBucketAclCommand,
  PutBucketLifecycleConfigurationCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { StartupError } from '../config/startup-error';
import { dispositionOf } from './disposition';
import { type ByteRange, checkKey, type LinkOptions, ObjectNotFound, type ObjectStore, ObjectStoreUnavailable } from './object-store';

// Its versions are pinned; what it would say at each start is about later ones.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

/** The least that S3 takes for a part: an upload holds this much, and what is on its way. */
const PART_BYTES = 5 * 1024 * 1024;
const UNFINISHED_DAYS = 1;
const CONNECT_MS = 3_000;
/** Until the server says anything to a request, of which a part is the largest. */
const ANSWER_MS = 15_000;
/** Between two pieces of an object that somebody waits for. */
const PIECE_MS = 15_000;

export interface S3Options {
  readonly endpoint: string;
  /** Where clients reach it; part of what a link's signature covers. */
  readonly publicEndpoint?: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** Objects in one bucket of whatever speaks S3. */
export class S3Objects implements ObjectStore {
  private readonly client: S3Client;
  private readonly publicClient: S3Client;

  constructor(private readonly options: S3Options) {
    this.client = new S3Client(clientConfig(options, options.endpoint));
    this.publicClient = options.publicEndpoint ? new S3Client(clientConfig(options, options.publicEndpoint)) : this.client;
  }

  async put(key: string, source: Readable, { contentType = 'application/octet-stream' }: { contentType?: string } = {}): Promise<void> {
    let failure: unknown;
    source.on('error', (error) => {
      // That one is only what the client makes of a source that it reads no further, because it has failed itself.
      if (error.name !== 'AbortError') failure ??= error;
    });
    const upload = new Upload({
      client: this.client,
      params: { Bucket: this.options.bucket, Key: checkKey(key), Body: source, ContentType: contentType },
      partSize: PART_BYTES,
      queueSize: 1, // the memory of an upload is this many parts
      leavePartsOnError: false,
    });
    try {
      await upload.done();
    } catch (error) {
      source.destroy();
      throw failure ?? unavailable(error);
    }
  }

  async read(key: string, range?: ByteRange): Promise<Readable> {
    try {
      const { Body } = await this.client.send(
        new GetObjectCommand({ ...this.at(key), ...(range && { Range: `bytes=${range.start}-${range.end}` }) }),
      );
      return Readable.from(impatient(Body as Readable), { objectMode: false });
    } catch (error) {
      throw isMissing(error) ? new ObjectNotFound(key) : unavailable(error);
    }
  }

  async find(key: string) {
    try {
      const { ContentLength, LastModified } = await this.client.send(new HeadObjectCommand(this.at(key)));
      return { sizeBytes: ContentLength!, modifiedAt: LastModified!.toISOString() };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw unavailable(error);
    }
  }

  async remove(key: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand(this.at(key))).catch((error: unknown) => {
      if (!isMissing(error)) throw unavailable(error);
    });
  }

  link(key: string, { expiresInSeconds, contentType, fileName, inline }: LinkOptions): Promise<string> {
    const command = new GetObjectCommand({
      ...this.at(key),
      ResponseContentType: contentType,
      ResponseContentDisposition: dispositionOf(fileName, inline),
    });
    return getSignedUrl(this.publicClient, command, { expiresIn: expiresInSeconds });
  }

  /** The bucket, readable by nobody without a signature, in which uploads that were never finished go by themselves. */
  async prepare(): Promise<void> {
    const { bucket, endpoint } = this.options;
    const Bucket = bucket;
    try {
      await this.client.send(new HeadBucketCommand({ Bucket })).catch(async (error: unknown) => {
        if (!isMissing(error)) throw error;
        await this.client.send(new CreateBucketCommand({ Bucket })).catch((made: unknown) => {
          // Another process made it at the same moment.
          if (!['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes((made as Error).name)) throw made;
        });
      });
      await this.makePrivate();
      await this.client.send(
        new PutBucketLifecycleConfigurationCommand({
          Bucket,
          LifecycleConfiguration: {
            Rules: [
              {
                ID: 'unfinished uploads',
                Status: 'Enabled',
                Filter: { Prefix: '' },
                AbortIncompleteMultipartUpload: { DaysAfterInitiation: UNFINISHED_DAYS },
              },
            ],
          },
        }),
      );
    } catch (error) {
      if (isAway(error)) throw unavailable(error);
      throw new StartupError(
        `S3_ENDPOINT, S3_BUCKET, S3_ACCESS_KEY and S3_SECRET_KEY should name a bucket of ours: ${endpoint} says ${(error as Error).name} of ${bucket}.`,
        { cause: error },
      );
    }
  }

  /** Ceph's gateway refuses our own writes under a public access block; where access lists are off, nothing is public anyway. */
  private async makePrivate(): Promise<void> {
    await this.client.send(new PutBucketAclCommand({ Bucket: this.options.bucket, ACL: 'private' })).catch((error: unknown) => {
      if ((error as Error).name !== 'AccessControlListNotSupported') throw error;
    });
  }

  async close(): Promise<void> {
    this.client.destroy();
    if (this.publicClient !== this.client) this.publicClient.destroy();
  }

  private at(key: string) {
    return { Bucket: this.options.bucket, Key: checkKey(key) };
  }
}

/** Checksums beyond what S3 asks for would go into links and into trailers that not every server reads. */
function clientConfig({ region, accessKey, secretKey }: S3Options, endpoint: string): S3ClientConfig {
  return {
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 2,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS, throwOnRequestTimeout: true },
  };
}

function isMissing(error: unknown): boolean {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  return name === 'NotFound' || name === 'NoSuchKey' || name === 'NoSuchBucket' || $metadata?.httpStatusCode === 404;
}

/** It does not answer, or says that it cannot. */
function isAway(error: unknown): boolean {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  return status === undefined || status >= 500;
}

/** As long as nobody wants the next piece, it may take any time. */
async function* impatient(body: Readable): AsyncGenerator<Buffer> {
  const wait = () => setTimeout(() => body.destroy(unavailable(new Error('the object stopped coming'))), PIECE_MS).unref();
  let waiting = wait();
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      clearTimeout(waiting);
      yield piece;
      waiting = wait();
    }
  } finally {
    clearTimeout(waiting);
  }
}

const unavailable = (error: unknown): Error => new ObjectStoreUnavailable(error);
