/** Uploads into a folder, beside a bare Fastify with @fastify/multipart, which neither asks who it is nor hashes, looks into or records anything. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { printTable, ratios, withSpread } from './figures.mjs';
import { startBanyan, startBareUploads } from './programs.mjs';
import { cpuMs, residentMb } from './usage.mjs';

const USERS = 20;
const AT_ONCE = 16;
const BYTES = 200_000;

export async function measureUploads(place, { uploads, rounds }) {
  console.log('\nUploads …');
  const folder = mkdtempSync(join(place.folder, 'uploads-'));
  const programs = [];
  try {
    const own = await startBanyan(
      { ...place.settings('uploads'), DATA_DIR: join(folder, 'data'), UPLOAD_QUOTA_MB: '1000000' },
      { cwd: folder, name: 'uploads' },
    );
    programs.push(own);
    const bare = await startBareUploads(folder);
    programs.push(bare);
    const tokens = await Promise.all(Array.from({ length: USERS }, (_, n) => register(own.url, n)));
    const results = { own: [], bare: [] };
    for (let round = -1; round < rounds; round++)
      for (const [name, program] of round % 2 === 0 ? Object.entries({ bare, own }) : Object.entries({ own, bare })) {
        const result = await load(program, tokens, uploads);
        if (round >= 0) results[name].push(result); // the first pair warms up
      }
    const row = (title, key, digits) => [
      title,
      ...['own', 'bare'].map((name) =>
        withSpread(
          results[name].map((one) => one[key]),
          digits,
        ),
      ),
    ];
    const ratio = ratios(...['own', 'bare'].map((name) => results[name].map(({ perSecond }) => perSecond)));
    printTable(
      `Uploads of ${BYTES / 1_000} kB, ${AT_ONCE} at once, into a folder`,
      ['', 'Banyan', 'bare'],
      [
        row('a second', 'perSecond', 0),
        ['ratio', withSpread(ratio, 2), ''],
        row('processor time, µs an upload', 'cpuUs', 0),
        row('MB at most', 'peakMb', 0),
      ],
    );
  } finally {
    await Promise.all(programs.map((program) => program.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function register(url, n) {
  const account = { email: `uploader${n}@example.com`, username: `uploader${n}`, password: 'correct-horse-1' };
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/v1/auth/register`, { method: 'POST', headers, body: JSON.stringify(account) });
  return (await answer.json()).access_token;
}

async function load({ url, pid }, tokens, uploads) {
  const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(BYTES)]);
  let next = 0;
  let peakMb = 0;
  const [started, usedMs] = [performance.now(), cpuMs(pid)];
  const one = async () => {
    while (next < uploads) {
      const form = new FormData();
      form.append('file', new Blob([bytes]), 'paper.pdf');
      const headers = { authorization: `Bearer ${tokens[next++ % tokens.length]}` };
      const answer = await fetch(`${url}/api/v1/media/upload`, { method: 'POST', headers, body: form });
      if (answer.status !== 200) throw new Error(`an upload was answered ${answer.status} ${await answer.text()}`);
      await answer.arrayBuffer();
      peakMb = Math.max(peakMb, residentMb(pid) ?? NaN);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  const seconds = (performance.now() - started) / 1_000;
  return { perSecond: uploads / seconds, cpuUs: ((cpuMs(pid) - usedMs) * 1_000) / uploads, peakMb };
}
