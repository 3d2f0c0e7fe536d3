import { asSystem } from '@banyan/platform/dispatch/context';
import { HashQueue } from './hash-queue';

/** More than run at once anywhere. */
const SEVERAL = 2;

function endless() {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { work: () => ended, end };
}

describe('hashes', () => {
  let queue: HashQueue;
  let slow: ReturnType<typeof endless>;
  let running: Promise<unknown>;
  beforeEach(() => {
    queue = new HashQueue();
    slow = endless();
    running = Promise.all(Array.from({ length: SEVERAL }, () => queue.run(slow.work)));
  });
  afterEach(async () => {
    slow.end();
    await running;
  });
  const waitFor = (timeoutMs: number, work = () => Promise.resolve('done')) =>
    asSystem('spec', { key: 'spec', timeoutMs }, () => queue.run(work));

  it('that do not get their turn in time are refused while there is still time to say so', async () => {
    await expect(waitFor(500)).rejects.toMatchObject({ code: 'unavailable', status: 503, retryAfterSeconds: expect.any(Number) });
  });

  it('that cannot get their turn in time are not even begun to wait for', async () => {
    let isMade = false;
    const made = waitFor(20, async () => {
      isMade = true;
      return 'done';
    });
    await expect(made).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 });
    slow.end();
    await running;
    expect([isMade, queue.isBusy]).toEqual([false, false]);
  });

  it('of whoever was refused leave no gap and no trace: the next one has his turn', async () => {
    const refused = waitFor(500);
    const next = waitFor(60_000);
    await expect(refused).rejects.toMatchObject({ code: 'unavailable' });
    slow.end();
    expect(await next).toBe('done');
    expect(queue.isBusy).toBe(false);
  });
});
