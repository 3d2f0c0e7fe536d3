// Uploads of a server beside a bare Fastify with @fastify/multipart that writes to a folder, which neither hashes nor looks at anything.
// `node test/bench/uploads.mjs [uploads] [at once] [kilobytes]`; with S3_ENDPOINT and the rest of S3's settings, into that. Prints JSON.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import multipart from '@fastify/multipart';
import Fastify from 'fastify';

import { freePort } from '../support/services/processes.mjs';

const [UPLOADS, AT_ONCE, KILOBYTES] = [2, 3, 4].map((n, i) => Number(process.argv[n] ?? [400, 16, 200][i]));
const ROUNDS = 5;
const residentMb = (pid) => Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024);

if (process.argv[2] === 'bare') {
  const folder = process.argv[3];
  const app = Fastify();
  app.register(multipart, { limits: { fileSize: Infinity } });
  app.post('/api/v1/media/upload', async (request) => {
    const name = randomBytes(16).toString('hex');
    const part = await request.file();
    await pipeline(part.file, createWriteStream(join(folder, name), { flush: true }));
    return { name };
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  process.send(app.server.address().port);
} else {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  const port = await freePort();
  const bare = fork(import.meta.filename, ['bare', folder]);
  const barePort = await new Promise((resolve) => bare.once('message', resolve));
  const environment = {
    ...process.env,
    PORT: port,
    DATA_DIR: join(folder, 'data'),
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'warn',
    UPLOAD_QUOTA_MB: '100000',
  };
  const server = fork('dist/apps/server/src/main.js', [], { env: environment, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  try {
    const url = `http://127.0.0.1:${port}`;
    while (!(await fetch(`${url}/readyz`).catch(() => undefined))?.ok) await pause(200);
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => register(url, n)));
    const places = { own: [url, server.pid], bare: [`http://127.0.0.1:${barePort}`, bare.pid] };
    for (const place of Object.values(places)) await measure(place, tokens);
    const rounds = [];
    for (let n = 0; n < ROUNDS; n++) {
      const round = {};
      for (const name of n % 2 ? ['own', 'bare'] : ['bare', 'own']) round[name] = await measure(places[name], tokens);
      rounds.push({ ...round, ratio: round.own.perSecond / round.bare.perSecond });
    }
    rounds.sort((a, b) => a.ratio - b.ratio);
    const ratios = rounds.map(({ ratio }) => Number(ratio.toFixed(2)));
    console.log(JSON.stringify({ uploads: UPLOADS, atOnce: AT_ONCE, kilobytes: KILOBYTES, ratios, median: rounds[ROUNDS >> 1] }));
  } finally {
    bare.kill();
    server.kill();
    await new Promise((resolve) => server.once('exit', resolve));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function register(url, n) {
  const account = { email: `u${n}@example.com`, username: `user${n}`, password: 'correct-horse-1' };
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/v1/auth/register`, { method: 'POST', headers, body: JSON.stringify(account) });
  return (await answer.json()).access_token;
}

async function measure([url, pid], tokens) {
  const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(KILOBYTES * 1024)]);
  let next = 0;
  let peakMb = 0;
  const started = performance.now();
  const one = async () => {
    while (next < UPLOADS) {
      const n = next++;
      const form = new FormData();
      form.append('file', new Blob([bytes]), 'paper.pdf');
      const headers = { authorization: `Bearer ${tokens[n % tokens.length]}` };
      const answer = await fetch(`${url}/api/v1/media/upload`, { method: 'POST', headers, body: form });
      if (answer.status !== 200) throw new Error(`an upload was answered ${answer.status} ${await answer.text()}`);
      await answer.arrayBuffer();
      peakMb = Math.max(peakMb, residentMb(pid));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return { perSecond: Math.round((UPLOADS * 1000) / (performance.now() - started)), peakMb };
}
