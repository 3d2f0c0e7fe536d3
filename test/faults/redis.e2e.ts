import { Redis } from 'ioredis';
import { RedisServer } from '../support/redis-server';
import { ServerProcess } from '../support/server-process';
import { clean, play, verdict } from './scene';

jest.setTimeout(240_000);

/** The queue's index lives in Redis and is never the truth: whatever Redis forgets or remembers wrongly, clients do not notice. */
describe('under load, Redis', () => {
  let redis: RedisServer;
  let server: ServerProcess;

  beforeEach(async () => {
    redis = await RedisServer.start({ fsync: 'everysec' });
    server = await ServerProcess.start({ REDIS_URL: redis.url });
  });

  afterEach(async () => {
    await server.remove();
    await redis.stop();
  });

  /** Says a command as somebody at a console would. */
  async function say(command: string): Promise<void> {
    const console = new Redis(redis.url);
    await console.call(command);
    await console.quit();
  }

  it('may be emptied, again and again', async () => {
    const after = await play({
      server,
      fault: async (load) => {
        for (const share of [0.4, 0.5, 0.6, 0.7]) {
          await say('FLUSHALL');
          await load.reached(share);
        }
      },
    });
    expect(verdict(after)).toEqual(clean(after));
  });

  it('may be killed and come back with what it had', async () => {
    const after = await play({
      server,
      fault: async (load) => {
        await redis.kill();
        await load.reached(0.6);
        await redis.startAgain();
      },
    });
    expect(verdict(after)).toEqual(clean(after));
  });

  it('may come back with contents of long ago', async () => {
    const after = await play({
      server,
      fault: async (load) => {
        await redis.remember();
        await load.reached(0.5);
        await redis.kill();
        await load.reached(0.6);
        await redis.startAgain({ old: true });
      },
    });
    expect(verdict(after)).toEqual(clean(after));
  });

  it('may fall silent and wake up again', async () => {
    const after = await play({
      server,
      fault: async (load) => {
        redis.freeze();
        await load.reached(0.6);
        redis.thaw();
      },
    });
    expect(verdict(after)).toEqual(clean(after));
  });

  it('may be away until the load is over', async () => {
    const after = await play({
      server,
      fault: async (load) => {
        redis.freeze();
        await load.reached(1);
        redis.thaw();
      },
    });
    expect(verdict(after)).toEqual(clean(after));
  });
});
