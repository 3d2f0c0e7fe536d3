import { Duplex } from 'node:stream';
import { Passage } from './passage';

/** An end that takes pieces only when it is told to. */
class SlowEnd extends Duplex {
  readonly taken: Buffer[] = [];
  private readonly waiting: (() => void)[] = [];
  override _read(): void {}
  override _write(piece: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.waiting.push(() => {
      this.taken.push(piece);
      done();
    });
  }
  takeOne(): void {
    this.waiting.shift()?.();
  }
}

let client: SlowEnd;
let passage: Passage;
let hasEnded: boolean;

beforeEach(() => {
  hasEnded = false;
  client = new SlowEnd();
  passage = new Passage(client, new SlowEnd(), () => (hasEnded = true));
  passage.start({ client: Buffer.alloc(0), legacy: Buffer.alloc(0) });
});
afterEach(() => client.destroy());

const later = (seconds: number) => performance.now() + seconds * 1_000;
const tick = () => new Promise((resolve) => setImmediate(resolve));

it('whoever takes nothing for a minute has stalled; whoever takes something in it has not, nor who has nothing to take', async () => {
  expect(passage.isStalled(later(3_600))).toBe(false);
  passage.send('one');
  passage.send('two');
  expect([passage.isStalled(later(50)), passage.isStalled(later(61))]).toEqual([false, true]);
  client.takeOne();
  await tick();
  expect([passage.isStalled(later(50)), passage.isStalled(later(61))]).toEqual([false, true]);
  client.takeOne();
  await tick();
  expect(passage.isStalled(later(3_600))).toBe(false);
});

it('what is not read is bounded: 4 MiB, and then nothing more is put in', async () => {
  const text = 'x'.repeat(1_000_000);
  const sent = Array.from({ length: 6 }, () => passage.send(text));
  expect(sent).toEqual([true, true, true, true, false, false]);
  expect(passage.unreadBytes).toBeLessThanOrEqual(4_194_304);
  passage.cut();
  await tick();
  expect([hasEnded, passage.send('more')]).toEqual([true, false]);
});
