/** The least that takes files: Fastify with @fastify/multipart, each written into a folder and flushed. Prints its port. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import multipart from '@fastify/multipart';
import Fastify from 'fastify';

const [, , folder] = process.argv;
const app = Fastify();
app.register(multipart, { limits: { fileSize: Infinity } });
app.post('/api/v1/media/upload', async (request) => {
  const name = randomUUID();
  const { file } = await request.file();
  await pipeline(file, createWriteStream(join(folder, name), { flush: true }));
  return { name };
});
await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`${app.server.address().port}\n`);
