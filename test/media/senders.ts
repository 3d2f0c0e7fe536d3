import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { Person } from '../support/people';
import { type Extension, extensions, fileOf, sha } from './files';

export interface SentFile {
  readonly sha256: string;
  readonly size: number;
  /** As the server answered; 0 if the connection ended instead. */
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface SendOptions {
  readonly extension?: Extension;
  /** Called when so many bytes of it have gone out; what it waits for, the rest waits for. */
  readonly halfway?: () => Promise<void> | void;
}

/** One file in a form, in pieces, as a browser sends it: without waiting for an answer before the end. */
export async function sendFile(url: string, { token }: Person, size: number, options: SendOptions = {}): Promise<SentFile> {
  const { extension = 'mp4', halfway } = options;
  const bytes = fileOf(extension, size);
  const boundary = 'a-boundary-of-this-test';
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="message_id"\r\n\r\nx\r\n--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="file.${extension}"\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const answer = { status: 0, retryAfter: undefined as string | undefined, body: {} as Record<string, unknown> };
  await new Promise<void>((resolve) => {
    const request = httpRequest(`${url}/api/v1/media/upload`, {
      method: 'POST',
      agent: false,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': `multipart/form-data; boundary=${boundary}`,
        'content-length': head.length + bytes.length + tail.length,
      },
    });
    request.setMaxListeners(0).on('error', () => resolve());
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => resolve());
      response.on('end', () => {
        answer.status = response.statusCode!;
        answer.retryAfter = response.headers['retry-after'];
        answer.body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
        resolve();
      });
    });
    void (async () => {
      request.write(head);
      const half = Math.floor(bytes.length / 2);
      for (const part of [bytes.subarray(0, half), bytes.subarray(half)]) {
        for (let at = 0; at < part.length && !request.destroyed; at += 65_536) {
          if (!request.write(part.subarray(at, at + 65_536))) await new Promise<void>((go) => request.once('drain', go).once('close', go));
        }
        if (part.byteOffset === bytes.byteOffset) await halfway?.();
      }
      request.end(tail);
    })();
  });
  return { sha256: sha(bytes), size, ...answer };
}

/** @returns the hash of what comes, and the status */
export async function hashOf(url: string, fileUrl: unknown): Promise<{ status: number; sha256: string }> {
  const answer = await fetch(`${url}${String(fileUrl)}`);
  const hash = createHash('sha256');
  for await (const chunk of answer.body!) hash.update(chunk as Uint8Array);
  return { status: answer.status, sha256: hash.digest('hex') };
}

/** Mixed kinds and sizes: mostly small, some of 5 MB, one in a hundred as large as they may be. */
export const mixedSize = (n: number): number =>
  n % 100 === 99 ? 50 * 1024 * 1024 : n % 20 === 9 ? 5_500_000 : 1 + ((n * 7_919) % 200_000);
export const mixedExtension = (n: number): Extension => extensions[n % extensions.length]!;
