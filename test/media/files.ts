import { createHash, randomBytes } from 'node:crypto';
import request, { type Test } from 'supertest';
import type { Person } from '../support/people';

export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const starts = {
  jpg: Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0, 1]),
  pdf: Buffer.from('%PDF-1.7\n'),
  mp4: Buffer.from([0, 0, 0, 24, ...Buffer.from('ftypisom'), 0, 0, 2, 0, ...Buffer.from('isomiso2')]),
  txt: Buffer.from('text '),
};
export type Extension = keyof typeof starts;
export const extensions = Object.keys(starts) as Extension[];

/** A file of this kind and size that nobody else has. */
export function fileOf(extension: Extension, size: number): Buffer {
  const start = starts[extension];
  const rest = Math.max(0, size - start.length);
  return Buffer.concat([
    start,
    extension === 'txt'
      ? Buffer.from(
          randomBytes(rest)
            .toString('latin1')
            .replace(/[^a-z]/g, 'x'),
          'latin1',
        ).subarray(0, rest)
      : randomBytes(rest),
  ]);
}

export const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** As the web client does it. */
export function upload(url: string, { token }: Person, bytes: Buffer, filename: string, contentType = 'application/octet-stream'): Test {
  return request(url)
    .post('/api/v1/media/upload')
    .set('Authorization', `Bearer ${token}`)
    .field('message_id', 'an id of the page')
    .attach('file', bytes, { filename, contentType });
}

/** Without a token, as an image of a page. */
export function download(url: string, fileUrl: string): Test {
  return request(url)
    .get(fileUrl)
    .buffer(true)
    .parse((answer, done) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => done(null, Buffer.concat(chunks)));
    });
}
