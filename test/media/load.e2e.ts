import { readFile } from 'node:fs/promises';
import { freshBucket, freshEnvironment, dropDatabases } from '../support/banyan';
import { type Person, register } from '../support/people';
import { ServerProcess } from '../support/server-process';
import { hashOf, mixedExtension, mixedSize, sendFile } from './senders';

const MEBIBYTE = 1_048_576;

jest.setTimeout(300_000);
/** Held in memory are at most 24 uploads with two parts of 5 MiB each (S3), and what waits to be collected. Seen: up to 100 MiB more than before. */
const BOUND = 400 * MEBIBYTE;

async function rssOf(pid: number): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

describe.each<[string, () => Record<string, string>]>([
  ['a folder', () => ({})],
  ['S3', freshBucket],
])('uploads at the same moment, into %s', (_name, store) => {
  let server: ServerProcess;
  let environment: Record<string, string>;
  let people: Person[];
  beforeAll(async () => {
    environment = { ...freshEnvironment(), ...store() };
    server = await ServerProcess.start(environment);
    people = await Promise.all(Array.from({ length: 20 }, (_, n) => register(server.url, `sender${n}`)));
    await sendFile(server.url, people[0]!, 6_000_000); // whatever is loaded at the first time
  });
  afterAll(async () => {
    await server?.remove();
    await dropDatabases(environment);
  });

  it.each([100, 500])('%i of them are intact, and the host stays small', async (count) => {
    const before = await rssOf(server.pid!);
    let peak = before;
    const watch = setInterval(() => void rssOf(server.pid!).then((rss) => (peak = Math.max(peak, rss))), 50);
    const started = performance.now();
    const sent = await Promise.all(
      Array.from({ length: count }, (_, n) =>
        sendFile(server.url, people[n % people.length]!, mixedSize(n), { extension: mixedExtension(n) }),
      ),
    );
    const seconds = (performance.now() - started) / 1000;
    clearInterval(watch);
    const bytes = sent.reduce((sum, { size }) => sum + size, 0);
    const figures = {
      count,
      megabytes: Math.round(bytes / 1e6),
      seconds: Math.round(seconds),
      startMiB: Math.round(before / MEBIBYTE),
      peakMiB: Math.round(peak / MEBIBYTE),
    };
    process.stderr.write(`${_name}: ${JSON.stringify(figures)}\n`);
    expect(sent.filter(({ status }) => status !== 200)).toEqual([]);
    for (const { body, sha256 } of sent) expect(await hashOf(server.url, body['file_url'])).toEqual({ status: 200, sha256 });
    expect(peak - before).toBeLessThan(BOUND);
  });
});
