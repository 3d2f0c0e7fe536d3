import { hashOf, mixedExtension, sendFile, type SentFile } from '../media/senders';
import { Deployment } from '../support/deployment';
import { type Person, register } from '../support/people';
import { until } from '../support/until';

jest.setTimeout(300_000);

/** With TEST_MATRIX=all more of everything. */
const scale = process.env['TEST_MATRIX'] === 'all' ? 4 : 1;
const USERS = 12 * scale;
const UPLOADS_PER_MOVE = 15 * scale;

/** What media's work is done by: the part of services, and of the monolith; the rest is the hosts'. */
const WAY = [
  { legacy: 1 },
  { legacy: 0.5 },
  { legacy: 0 },
  { legacy: 0, remote: 1 },
  { legacy: 0, remote: 0.5 },
  { legacy: 0.4, remote: 0.3 },
  { legacy: 1 },
  { legacy: 0, remote: 1 },
];

/** Uploads without end, each followed by a look at one that was acknowledged before; nothing that was acknowledged may be wrong once. */
class UploadLoad {
  readonly kept: (SentFile & { readonly owner: Person })[] = [];
  readonly faults: string[] = [];
  private isOver = false;
  private readonly running: Promise<void>[];

  constructor(
    private readonly urls: readonly string[],
    people: readonly Person[],
  ) {
    this.running = people.map((person, n) => this.go(person, n));
  }

  async further(uploads: number): Promise<void> {
    const goal = this.kept.length + uploads;
    await until(async () => this.kept.length >= goal || this.faults.length > 0);
  }

  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running);
  }

  private async go(person: Person, start: number): Promise<void> {
    for (let n = start; !this.isOver; n++) {
      const size = n % 8 === 7 ? 5_500_000 : 1 + ((n * 7_919) % 150_000);
      const sent = await sendFile(this.url(), person, size, { extension: mixedExtension(n) });
      if (sent.status === 200) this.kept.push({ ...sent, owner: person });
      else this.faults.push(`an upload was answered ${sent.status} ${JSON.stringify(sent.body)}`);
      await this.look(this.kept[Math.floor(Math.random() * this.kept.length)]);
    }
  }

  async look(file: SentFile | undefined): Promise<void> {
    if (!file) return;
    const found = await hashOf(this.url(), file.body['file_url']);
    if (found.status !== 200 || found.sha256 !== file.sha256)
      this.faults.push(
        `${String(file.body['file_url'])} of ${file.size} bytes came with ${found.status}, ${found.sha256 === file.sha256 ? 'whole' : 'wrong'}`,
      );
  }

  private url(): string {
    return this.urls[Math.floor(Math.random() * this.urls.length)]!;
  }
}

it.each([
  ['in the monolith’s folder as well', true],
  ['where no folder is shared', false],
])(
  'uploads while media moves between the monolith, hosts and services, %s: each that was acknowledged is there, in every home',
  async (_how, isShared) => {
    const deployment = await Deployment.start({
      hosts: 2,
      workers: { media: 1 },
      legacy: { variant: 'text', sharesUploads: isShared },
    });
    try {
      const people = await Promise.all(Array.from({ length: USERS }, (_, n) => register(deployment.url, `sender${n}`)));
      const load = new UploadLoad(
        deployment.hosts.map(({ url }) => url),
        people,
      );
      await load.further(UPLOADS_PER_MOVE);
      for (const parts of WAY) {
        await deployment.followed(await deployment.route('media', parts));
        await load.further(UPLOADS_PER_MOVE);
      }
      await load.end();
      for (const parts of [{ legacy: 1 }, { legacy: 0 }, { legacy: 0, remote: 1 }]) {
        await deployment.followed(await deployment.route('media', parts));
        for (const file of load.kept) await load.look(file);
      }
      expect(load.faults).toEqual([]);
      expect(await deployment.attempts('media')).toMatchObject({
        legacy: expect.any(Number),
        remote: expect.any(Number),
        local: expect.any(Number),
      });
      if (isShared) {
        // The monolith alone, without a host before it, has them too.
        for (const { body, sha256 } of load.kept)
          expect(await hashOf(deployment.legacy.url, body['file_url'])).toEqual({ status: 200, sha256 });
      }
    } finally {
      await deployment.remove();
    }
  },
);
